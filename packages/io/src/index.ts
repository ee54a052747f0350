export { AtomicFile, writeFileAtomic, writeJson } from './atomic-file.js';
export type { FileContents } from './atomic-file.js';
export {
  exists,
  fileError,
  isMissing,
  makeFolder,
  readIfThere,
  readJson,
  readRange,
  sizeOnDisk,
  syncFolder,
} from './files.js';
