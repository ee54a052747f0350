export { Growing } from './tables/growing.js';
export type { ArrayType, NumberArray } from './tables/growing.js';
export { IdIndex } from './tables/id-index.js';
export type { SharedIds } from './tables/id-index.js';
export { IdTable } from './tables/id-table.js';
export type { SharedTable } from './tables/id-table.js';
