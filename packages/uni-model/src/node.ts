export { loadUniModel, saveUniModel } from './folder.js';
export type { LoadedUniModel, LoadUniModelOptions, SavableUniModel } from './folder.js';
