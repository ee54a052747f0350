export { decodeVideo } from './decode-video.js';
export type { DecodeSettings, DecodeVideo, DecodedVideo, VideoInput } from './decode-video.js';
export { decodeWorkers } from './decode-workers.js';
export type { DecodeWorkers, DecodeWorkersOptions } from './decode-workers.js';
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
