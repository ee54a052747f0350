/** What of this package reads no file and needs no decoder of pictures: for browsers too. */
export { towerFeatures } from './compute-features.js';
export type { ComputeFeatures, TowerOutput } from './compute-features.js';
export { decodeFrames, framesOf } from './decode-frames.js';
export type { DecodedVideo, DecodeFramesOptions, Pixels, ReadableFrames } from './decode-frames.js';
export { SourceError } from './errors.js';
export { decodeAhead, throughTower } from './feature-stream.js';
export type { Decoded, DecodeAheadOptions, Featured, ThroughTowerOptions, VideoFeatures } from './feature-stream.js';
export type { Image } from './image-data.js';
export { CLIP_PREPROCESSING, STATISTICS, centerCrop, cropExactly, normalize, shorterSideSize } from './pixels.js';
export type { Preprocessing, Statistics } from './pixels.js';
export { parsePreprocessing } from './preprocessor-config.js';
export { parameterBytes, recipeDifferences, recipeOf } from './recipe.js';
export type { FeatureRecipe, FeatureSettings } from './recipe.js';
export { resizePillow } from './resample.js';
export type { Box, Filter } from './resample.js';
export { DEFAULT_SAMPLING, sampleFrames } from './sampling.js';
export type { Frames, Sampling } from './sampling.js';
