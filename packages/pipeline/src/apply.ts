/** Trained models and CLIPs on videos, in Node, without what trains: quick to load. */
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
export { nearest, readCollection } from './trained/node/collection.js';
export type { Embedded, Neighbour } from './trained/node/collection.js';
export { FINISHED_MODEL, findModel } from './trained/node/find-model.js';
export type { FindModelOptions } from './trained/node/find-model.js';
export type { HubOptions } from './trained/node/hub-folder.js';
export { inputMark } from './trained/node/input-mark.js';
export { openLineFile } from './trained/node/line-file.js';
export type { LineFile, LineOrigin } from './trained/node/line-file.js';
