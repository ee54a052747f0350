export { loadConfig } from './config/load.js';
export type { ConfigRequest } from './config/load.js';
export { configSchema } from './config/schema.js';
export type { Config } from './config/schema.js';
export { selectEngine } from './engine.js';
export type { Engine, EngineName } from './engine.js';
export { RunFolder } from './run-folder.js';
export type { StageRecord } from './run-folder.js';
