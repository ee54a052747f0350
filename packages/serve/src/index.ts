export { indexRows } from './indexing.js';
export type { IndexRowsOptions, VideoDetails } from './indexing.js';
