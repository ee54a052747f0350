export * from './apply.js';
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
export { openTower } from './trained/node/find-tower.js';
export type { Tower } from './trained/tower.js';
export { exportTrained } from './trained/node/export.js';
export type { ExportTrainedOptions } from './trained/node/export.js';
export type { TrainedCalibration } from './trained/node/calibrate.js';
export { calibrationInputs } from './evaluate/calibration-inputs.js';
export type { CalibrationInputsOptions } from './evaluate/calibration-inputs.js';
export { saveTrained } from './trained/node/save.js';
export type { SaveTrainedOptions, Written } from './trained/node/save.js';
export type { Measurement } from './training/measurement.js';
