export { categoryBaselines, pairBaselines } from './baselines.js';
export type { PlainLabelled, PlainVideo } from './baselines.js';
export { categoryModel } from './category.js';
export type { CategoryBatch, CategoryOptions } from './category.js';
export { distilledExample, distilledExamples, unlabelledVideos } from './distillation.js';
export type { DistillationOptions } from './distillation.js';
export {
  classesOf,
  countSingleVideos,
  labelledExamples,
  labelledVideos,
  readCategoryBatch,
  splitByFold,
} from './examples.js';
export type { CategoryExample, LabelledSplit, LabelledVideo } from './examples.js';
export { applyHead, headDraws, newHead } from './heads.js';
export type { AttentionForm, Head, HeadConfig, Pooling } from './heads.js';
export { judgeCategories, judgeCosines, measuredCategories, mostFrequent } from './judging.js';
export type { CategoryScores } from './judging.js';
export type { Label } from './labels.js';
export {
  cosinesOfPairs,
  pairLabeller,
  pairLengths,
  pairRows,
  pairSet,
  readPairBatch,
  scoresDiffer,
  splitPairs,
  videosOfPairs,
} from './pairs.js';
export type { PairSet, PairSplitOptions } from './pairs.js';
export { predictBatches } from './predicted.js';
export type { Predicted } from './predicted.js';
export { chooseClasses, countClasses, favourRareClasses } from './prediction.js';
export type { RareClasses } from './prediction.js';
export { rankLabeller, rankNormalize } from './ranks.js';
export { joinRows, takeRowsOf } from './rows.js';
export { markVideos, pairRecall, rankingSet, readRankingBatch } from './ranking.js';
export type { RankingBatchOptions, RankingSet, VideoMarks } from './ranking.js';
export { similarityModel } from './similarity.js';
export type { FinetuneParams } from './headed.js';
export type { PairBatch, SharedPairs, SimilarityOptions } from './similarity.js';
export { groupsOf } from './groups.js';
export { tagModel, tagTruth } from './tags.js';
export type { TagBatch, TagModelOptions } from './tags.js';
export { chooseThresholds, decideTags } from './thresholds.js';
export type { Asymmetry } from './losses.js';
export { officialPairSplit, videoDisjointFold, videoDisjointSplit } from './splits.js';
export { stratifiedFolds } from './stratified-folds.js';
export type { Pair, PairSplit } from './splits.js';
export { MAX_DIMENSIONS, readCategories, writeCategories, writeEmbeddings } from './submission.js';
