export { QQ_LARGE, TINY, WBDC_BASE } from './config.js';
export type { UniModelConfig } from './config.js';
export { uniModelKeyMap } from './keys.js';
export type { UniModelHeads, UniModelKeyMapOptions } from './keys.js';
export { uniModelShapes } from './shapes.js';
export { uniModel } from './uni-model.js';
export type { UniModel } from './uni-model.js';
