export { averageParams, bestOf, keepBest } from './best.js';
export type { Scored } from './best.js';
export {
  findCheckpoint,
  hasCheckpoint,
  loadCheckpoint,
  loadParams,
  paramSources,
  saveCheckpoint,
  saveStepCheckpoint,
} from './checkpoint.js';
export type { CheckpointContent, CheckpointFile, CheckpointTarget, RunState } from './checkpoint.js';
export { jsonlSink } from './jsonl.js';
export { lastingSink } from './lasting-sink.js';
export { tensorBoardSink } from './tensorboard.js';
