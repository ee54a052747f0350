export { evaluate } from './evaluate.js';
export type { Evaluated } from './evaluate.js';
export { contrastiveLoss } from './contrastive.js';
export type { ContrastiveOptions, Temperature } from './contrastive.js';
export { ftc, packTexts } from './ftc.js';
export type { FtcHead, FtcOptions, FtcTarget } from './ftc.js';
export { ftm } from './ftm.js';
export type { FtmHead, FtmOptions, FtmTarget } from './ftm.js';
export { joinFrames, mfm, packFrames } from './mfm.js';
export type { MfmHead, MfmOptions, MfmTarget } from './mfm.js';
export { mlm } from './mlm.js';
export type { MlmHead, MlmOptions, MlmTarget } from './mlm.js';
export { mmm } from './mmm.js';
export type { MmmHead, MmmOptions, MmmTarget } from './mmm.js';
export { pretraining } from './plan.js';
export type {
  Asked,
  Plan,
  PreparedView,
  PretrainParams,
  Pretraining,
  PretrainingOptions,
  View,
  WeightedTask,
} from './plan.js';
export { pretrainedEmbedding, tag, tagProbabilities } from './tag.js';
export type { TagActivation, TagHead, TagOptions, TagTarget } from './tag.js';
export type { Corpus, Corrupted, LossInput, Sizes, Task } from './task.js';
export { chineseWords } from './whole-word.js';
