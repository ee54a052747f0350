/**
 * What needs no engine: arrays in host memory, float16, random keys and names. For threads that have better to do than
 * load tfjs.
 */
export { adamWNames } from './adamw-names.js';
export { padBatch, partOf } from './batch.js';
export type { Batch, FieldSpan, Part } from './batch.js';
export { decodeFloat16, encodeFloat16 } from './float16.js';
export { floats, ints, sizeOf } from './host.js';
export type { Floats, Ints } from './host.js';
export { evenStride, foldIn, permutation, randomInt, randomKey, randomSubset, uniform } from './random.js';
export type { Key } from './random.js';
