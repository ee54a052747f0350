export { addEmbedded, indexRows } from './indexing.js';
export type { AddEmbeddedOptions, IndexRowsOptions, VideoDetails } from './indexing.js';
