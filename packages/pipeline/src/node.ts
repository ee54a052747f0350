export { assertSavedModel, readSavedModel } from './saved/read.js';
export { FINISHED_MODEL, findModel } from './trained/node/find-model.js';
