export { fileError, makeFolder, readJson, readRange, syncFolder, writeFileAtomic } from './files.js';
