export { averageRanks, pearson, spearman } from './ranks.js';
export { averagePrecision, recallAt } from './retrieval.js';
export { categoryScore, classScores, confusion, level1, macroF1, meanSquaredError, microF1 } from './classes.js';
export type { CategoryScore, ClassScore, Confusion } from './classes.js';
export { meanAndSpread } from './spread.js';
export { flattenMeasured, gatherMeasured } from './measured.js';
export type { Measured } from './measured.js';
export { cosine, dot } from './vectors.js';
