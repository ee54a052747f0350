export { assertSavedModel, readSavedModel } from './saved/read.js';
