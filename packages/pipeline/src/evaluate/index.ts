export { describeEvaluation } from './describe.js';
export { evaluateCategories } from './categories.js';
export type { EvaluateCategoriesOptions } from './categories.js';
export { ensembleModels, writeEnsembleReport } from './ensemble.js';
export type { EnsembleModelsOptions } from './ensemble.js';
export { evaluateModels } from './evaluate.js';
export type { EvaluateModelsOptions } from './evaluate.js';
export type {
  CategoryEvaluation,
  CosineBin,
  Difference,
  Estimate,
  EvaluatedCategories,
  EvaluatedModel,
  EvaluatedTags,
  EvaluatedSimilarity,
  Evaluation,
  SimilarityEvaluation,
  TagEvaluation,
} from './kinds.js';
export type { EvaluateOptions } from './options.js';
export { evaluateSimilarity } from './similarity.js';
export type { EvaluateSimilarityOptions } from './similarity.js';
export { evaluateTags } from './tags.js';
export type { EvaluateTagsOptions } from './tags.js';
export { evaluationFolder, writeEvaluation } from './write.js';
export type { EvaluationFiles } from './write.js';
