export type { Batch, FieldSpan } from './batch.js';
export type { Context, Encoded, Encoder } from './encoder.js';
export { floats, ints, sizeOf } from './host.js';
export type { Floats, Ints } from './host.js';
export { foldIn, permutation, randomBits, randomInt, randomKey, truncatedNormal, uniform } from './random.js';
export type { LossResult, Metric } from './metric.js';
export type { Key } from './random.js';
export { disposeTree, flatten, mapTree } from './tree.js';
export type { Param, ParamTree } from './tree.js';
