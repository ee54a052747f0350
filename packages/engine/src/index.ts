export { selectEngine, EngineError } from './select.js';
export type { Engine } from './select.js';
export { automaticEngine, examineEngines } from './examine.js';
export type { EngineHealth } from './examine.js';
export { engineLoaders } from './loaders.js';
export { PrecisionError } from './loader.js';
export type { EngineLoader, EngineLoaders, EngineName, EngineSettings, Precision } from './loader.js';
