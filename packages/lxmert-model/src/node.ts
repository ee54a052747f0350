export { startFromVision } from './start-from.js';
export { loadLxmertModel, saveLxmertModel } from './folder.js';
export type { LoadedLxmertModel, LoadLxmertModelOptions, SavableLxmertModel } from './folder.js';
