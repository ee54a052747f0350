export { loadConfig } from './config/load.js';
export type { ConfigRequest } from './config/load.js';
export { configSchema } from './config/schema.js';
export type { Config } from './config/schema.js';
export { shippedConfig } from './config/shipped-config.js';
export { RunFolder } from './run/run-folder.js';
export type { StageRecord } from './run/stage-record.js';
export { STAGES } from './run/stage.js';
export type { StageName } from './run/stage.js';
