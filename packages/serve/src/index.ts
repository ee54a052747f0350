export { ServeError } from './errors.js';
export type { ServeErrorCode } from './errors.js';
export { addEmbedded, indexRows } from './indexing.js';
export type { AddEmbeddedOptions, IndexRowsOptions, VideoDetails } from './indexing.js';
export { DEFAULT_LIMITS } from './options.js';
export type { ServeLimits, ServeOptions } from './options.js';
export { startServer } from './server.js';
export type { RunningServer } from './server.js';
