export { BASE, LARGE, TINY } from './config.js';
export type { LxmertModelConfig } from './config.js';
export { lxmertModelShapes } from './shapes.js';
export { lxmertModel } from './lxmert-model.js';
export type { LxmertModel, VideoStream } from './lxmert-model.js';
export type { CrossLayer } from './cross-layer.js';
