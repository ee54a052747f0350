export { AtomicFile, writeFileAtomic, writeJson } from './atomic-file.js';
export type { FileContents } from './atomic-file.js';
export { bytesInMemory, openBytes } from './bytes.js';
export type { ByteSource } from './byte-source.js';
export { crc32c, maskedCrc32c } from './crc32c.js';
export {
  exists,
  fileError,
  isMissing,
  makeFolder,
  parseJson,
  readIfThere,
  readJson,
  readRange,
  sizeOnDisk,
  syncFolder,
} from './files.js';
export { readLines } from './lines.js';
export type { Line } from './lines.js';
export { takeLock, withLock } from './lock.js';
export type { Lock, LockHolder } from './lock.js';
export { contentHash, markFiles, NO_FILE, readMarks, writeMarks } from './marks.js';
export type { FileMark, FileMarks, MarkOptions } from './marks.js';
export { compareNatural, isSystemFile, withoutEnding } from './names.js';
export { frameRecord, RECORD_FOOTER, RECORD_HEADER } from './tfrecord.js';
export { cleanOnce, isTemporary, temporaryName } from './temporary.js';
export { appendLine, wholeLinesOf } from './whole-lines.js';
