export type { PlainTexts } from './finetune/baselines.js';
export { pretrainedTags } from './finetune/start.js';
export type { PretrainedTags } from './finetune/start.js';
export { describeFinetuned, describeFolds } from './finetune/describe.js';
export type { DescribedFinetuning } from './finetune/describe.js';
export { finetune } from './finetune/finetune.js';
export type {
  CombinedTags,
  FinetuneConclusion,
  FinetuneData,
  FinetunedFolds,
  FinetunedModel,
  FinetuneOptions,
  FinetuneResult,
  InitialWeights,
  TagScores,
} from './finetune/options.js';
export { pictureSource } from './finetune/pictures.js';
export type { PictureSourceOptions } from './finetune/pictures.js';
export { readTeaching } from './finetune/teachers.js';
export { ClipVideos, openClipVideos } from './clip/clip-videos.js';
export type { ClipSplit, OpenClipVideosOptions } from './clip/clip-videos.js';
export { embedderOf } from './clip/embedder.js';
export type { Embedder } from './clip/embedder.js';
export { OpenClip, openClip } from './clip/open-clip.js';
export type { OpenClipOptions } from './clip/open-clip.js';
export {
  describeScores,
  flattenScores,
  keepRows,
  labelledRow,
  labelsMark,
  zeroShot,
  zeroShotLabeller,
  zeroShotScores,
} from './clip/zero-shot.js';
export type {
  LabellingClip,
  ZeroShotLabel,
  ZeroShotLabels,
  ZeroShotRecall,
  ZeroShotRow,
  ZeroShotScores,
  ZeroShotTruth,
} from './clip/zero-shot.js';
export { trainClip } from './clip/train-clip.js';
export type { TrainClipOptions } from './clip/train-clip.js';
export { PictureCache, pictureOf } from './data/picture-cache.js';
export { tagChooser } from './data/tags.js';
export { openVideoSet, readSplits, textsOfSets } from './data/video-set.js';
export type { SplitInput, SplitTexts, VideoSet, VideoSetOptions } from './data/video-set.js';
export { openCorpus, startFromCorpus } from './pretrain/corpus.js';
export type { CorpusOptions } from './pretrain/corpus.js';
export { pretrain } from './pretrain/pretrain.js';
export type { Initialize } from './training/initialize.js';
export type { PretrainData, PretrainOptions, PretrainResult } from './pretrain/pretrain.js';
export { assertSavedModel, readSavedModel } from './saved/read.js';
export { DEFAULT_SEED, runTraining } from './training/run.js';
export type { AveragedWeights, BestWeights } from './training/best.js';
export type {
  RunOptions,
  TrainingData,
  TrainingEnd,
  TrainingObserver,
  TrainingOptions,
  TrainingResult,
  TrainingStart,
} from './training/run.js';
export { nearest, readCollection } from './trained/node/collection.js';
export type { Embedded, Neighbour } from './trained/node/collection.js';
export { FINISHED_MODEL, findModel } from './trained/node/find-model.js';
export type { FindModelOptions } from './trained/node/find-model.js';
export { inputMark } from './trained/node/input-mark.js';
export { openLineFile } from './trained/node/line-file.js';
export type { LineFile, LineOrigin } from './trained/node/line-file.js';
export { openTower } from './trained/node/find-tower.js';
export type { HubOptions } from './trained/node/hub-folder.js';
export type { Tower } from './trained/tower.js';
export { exportTrained } from './trained/node/export.js';
export type { ExportTrainedOptions } from './trained/node/export.js';
export type { TrainedCalibration } from './trained/node/calibrate.js';
export { calibrationInputs } from './evaluate/calibration-inputs.js';
export type { CalibrationInputsOptions } from './evaluate/calibration-inputs.js';
export { saveTrained } from './trained/node/save.js';
export type { SaveTrainedOptions, Written } from './trained/node/save.js';
export type { Measurement } from './training/measurement.js';
