/** What of this package reads no file and needs no engine: in browsers, and for whoever wants no more. */
export { CATEGORY_NAMES_FILE, joinNames } from './categories/names.js';
export { batchesOfEpoch, batchesPerEpoch, batchSchedule } from './dataset/batches.js';
export type { BatchPlan, BatchSchedule } from './dataset/batches.js';
export { collate } from './dataset/collate.js';
export type { Example } from './dataset/collate.js';
export { aiacStride, evenStride, randomSubset } from './dataset/sampling.js';
export { DisjointSets } from './splits/disjoint-sets.js';
export { cleanedTexts, cleanText, DEFAULT_CLEANING } from './text/clean.js';
export type { CleanSettings } from './text/clean.js';
export { textsOf } from './text/texts.js';
export type { OcrLine, Video } from './wbdc/annotations.js';
