export { categoryModel, favourRareClasses } from './category.js';
export type { CategoryBatch, CategoryOptions } from './category.js';
export { applyHead, embed, newHead } from './heads.js';
export type { Head, HeadConfig, Pooling } from './heads.js';
export {
  categoryScore,
  classScores,
  confusion,
  level1,
  macroF1,
  meanSquaredError,
  microF1,
  pearson,
  spearman,
} from './metrics.js';
export type { CategoryScore, ClassScore } from './metrics.js';
export { averageRanks, rankNormalize } from './ranks.js';
export { similarityModel } from './similarity.js';
export type { FinetuneParams, PairBatch } from './similarity.js';
export { officialPairSplit, stratifiedFolds, videoDisjointSplit } from './splits.js';
export type { Pair, PairSplit } from './splits.js';
export { MAX_DIMENSIONS, readCategories, readEmbeddings, writeCategories, writeEmbeddings } from './submission.js';
