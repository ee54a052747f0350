export { CLIP_VIT_B32, clipVision } from './clip-vision.js';
export type { ClipVision, ClipVisionConfig, ClipVisionOutput, ClipVisionParams } from './clip-vision.js';
export { SourceError } from './errors.js';
export { ZIP_LIMITS, readFrameZip } from './frame-zip.js';
export type { FrameFile, ReadZipOptions, ZipLimits } from './frame-zip.js';
export { clipVisionConfig, loadClipVision } from './hugging-face.js';
export type { Checkpoint } from './hugging-face.js';
export { IMAGE_LIMITS, decodeImage } from './image.js';
export type { DecodeOptions, Image, ImageLimits } from './image.js';
export {
  CLIP_PREPROCESSING,
  STATISTICS,
  centerCrop,
  cropForTower,
  normalize,
  preprocess,
  shorterSideSize,
} from './preprocess.js';
export type { Preprocessing, Statistics } from './preprocess.js';
export { resizePillow } from './resample.js';
export type { Box, Filter } from './resample.js';
