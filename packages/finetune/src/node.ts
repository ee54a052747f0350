export { finetuneFiles } from './node/files.js';
export type { FinetuneFiles } from './node/files.js';
export { readEmbeddingFile, readEmbeddings, rowsById, writeEmbeddingFile } from './node/embeddings.js';
export { combineCategoryFolds } from './node/fold-categories.js';
export type { CombineCategoriesOptions, CombinedCategories } from './node/fold-categories.js';
export { combineSimilarityFolds } from './node/fold-similarity.js';
export type { CombinedSimilarity, CombineSimilarityOptions } from './node/fold-similarity.js';
export { describeEnsemble, ensembleVerdicts, embeddedPairs } from './node/describe-ensemble.js';
export { ensembleOf, writeEnsemble } from './node/ensemble.js';
export type { EnsembleFiles, EnsembleOptions, EnsembleResult } from './node/ensemble.js';
export { memberNames, readEnsembleMember } from './node/ensemble-member.js';
export type { EnsembleMember } from './node/ensemble-member.js';
export { readPredictions } from './node/predicted-categories.js';
export type { PredictedCategories, Predictions } from './node/predicted-categories.js';
export type { PredictedTags } from './node/predicted-tags.js';
export { readClasses, readTruth, writeClasses } from './node/labels.js';
export {
  readOutOfFold,
  readOutOfFoldPairs,
  readOutOfFoldTags,
  writeOutOfFold,
  writeOutOfFoldPairs,
  writeOutOfFoldTags,
} from './node/out-of-fold.js';
export type { OutOfFold, OutOfFoldPair, OutOfFoldTags } from './node/out-of-fold.js';
export { combineProbabilityFiles, readProbabilities, writeProbabilities } from './node/probabilities.js';
export { readCategoryScores, readSimilarityScores, writeCategoryScores, writeSimilarityScores } from './node/scores.js';
export type { SimilarityScores } from './node/scores.js';
