export {
  clipVisionKeyMap,
  clipVisionShapes,
  loadClipVision,
  parseClipVisionConfig,
  saveClipVision,
} from './clip-checkpoint.js';
export type { ClipVisionKeyMapOptions } from './clip-checkpoint.js';
export { CLIP_TEXT_B32, clipText } from './clip-text.js';
export type { ClipText, ClipTextConfig, ClipTextOutput, ClipTextParams, ClipTexts } from './clip-text.js';
export {
  clipTextKeyMap,
  clipTextShapes,
  loadClipText,
  parseClipTextConfig,
  saveClipText,
} from './clip-text-checkpoint.js';
export type { LoadedTower } from './clip-tower.js';
export { CLIP_VIT_B32, clipVision } from './clip-vision.js';
export type {
  ClipVision,
  ClipVisionConfig,
  ClipVisionOutput,
  ClipVisionParams,
  ClipVisionPooled,
} from './clip-vision.js';
export { decodeVideo } from './decode-video.js';
export type { DecodeSettings, DecodeVideo, DecodedVideo, VideoInput } from './decode-video.js';
export { decodeWorkers } from './decode-workers.js';
export type { DecodeWorkers, DecodeWorkersOptions } from './decode-workers.js';
export { encodingPixels } from './encoding-pixels.js';
export type { WithTower } from './encoding-pixels.js';
export { SourceError } from './errors.js';
export { extractFeatures } from './extract.js';
export type { ComputeFeatures, ExtractOptions, ExtractProgress, VideoFeatures } from './extract.js';
export { ZIP_LIMITS, readFrameZip } from './frame-zip.js';
export type { FrameFile, ReadZipOptions, ZipLimits } from './frame-zip.js';
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
export { featureRecipe, hashParameters, recipeDifferences } from './recipe.js';
export type { FeatureRecipe } from './recipe.js';
export { resizePillow } from './resample.js';
export type { Box, Filter } from './resample.js';
export { DEFAULT_SAMPLING, sampleFrames } from './sampling.js';
export type { Frames, Sampling } from './sampling.js';
export { openFrameSource } from './sources/open.js';
export type { OpenOptions } from './sources/open.js';
export { SOURCE_LIMITS } from './sources/source.js';
export type { FrameSource, SourceLimits } from './sources/source.js';
export { videoBackends } from './sources/video-file.js';
export type { VideoBackend } from './sources/video-file.js';
