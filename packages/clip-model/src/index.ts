export { towerLayerKeys, towerNames } from './clip-tower.js';
export { clipVisionKeyMap, clipVisionShapes, parseClipVisionConfig } from './clip-checkpoint.js';
export type { ClipVisionKeyMapOptions } from './clip-checkpoint.js';
export { CLIP_TEXT_B32, clipText } from './clip-text.js';
export type { ClipText, ClipTextConfig, ClipTextOutput, ClipTextParams, ClipTexts } from './clip-text.js';
export { clipTextKeyMap, clipTextShapes, parseClipTextConfig } from './clip-text-checkpoint.js';
export type { LoadedTower } from './clip-tower.js';
export { CLIP_VIT_B32, clipVision } from './clip-vision.js';
export type {
  ClipVision,
  ClipVisionConfig,
  ClipVisionOutput,
  ClipVisionParams,
  ClipVisionPooled,
} from './clip-vision.js';
export { CHINESE_CLIP_TEXT_BASE, chineseClipText } from './chinese-clip-text.js';
export type { ChineseClipText, ChineseClipTextConfig, ChineseClipTextParams } from './chinese-clip-text.js';
export {
  chineseClipTextKeyMap,
  chineseClipTextShapes,
  parseChineseClipTextConfig,
} from './chinese-clip-text-checkpoint.js';
export { clipModel } from './clip-model.js';
export type { ClipModel, ClipModelConfig, ClipModelParams } from './clip-model.js';
export { clipModelKeyMap, clipModelShapes, parseClipModelConfig } from './clip-model-checkpoint.js';
export { chineseClipTextReader, clipTextReader } from './text-rows.js';
export type { ClipTextReader } from './text-rows.js';
export { encodingPixels } from './encoding-pixels.js';
export type { WithTower } from './encoding-pixels.js';
