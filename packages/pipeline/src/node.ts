export { assertSavedModel, readSavedModel } from './saved/read.js';
export { FINISHED_MODEL, findModel } from './trained/node/find-model.js';
export { exportTrained } from './trained/node/export.js';
export type { Written } from './trained/node/export.js';
export { saveTrained } from './trained/node/save.js';
export type { SaveTrainedOptions } from './trained/node/save.js';
