import { viewOf, type ByteSource } from './bytes.js';

/** An uncompressed file inside an archive. */
export interface StoredEntry {
  readonly name: string;
  readonly size: number;
  /** Byte of its local header. */
  readonly header: number;
}

interface Directory {
  readonly start: number;
  readonly size: number;
  readonly count: number;
}

const END = 0x06054b50;
const END64_LOCATOR = 0x07064b50;
const END64 = 0x06064b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;
const END_SIZE = 22;
const LOCATOR_SIZE = 20;
const END64_SIZE = 56;
const CENTRAL_SIZE = 46;
const LOCAL_SIZE = 30;
const COMMENT_LIMIT = 0xffff;
const DIRECTORY_LIMIT = 64 * 2 ** 20;
const FULL32 = 0xffffffff;
const ENCRYPTED = 1;

/** The entries of a zip archive by name, zip64 too. PyTorch stores without compression; anything else is an error. */
export async function readDirectory(source: ByteSource): Promise<Map<string, StoredEntry>> {
  const { path } = source;
  const directory = await findDirectory(source);
  const bytes = await source.read(directory.start, directory.size);
  const entries = new Map<string, StoredEntry>();
  let position = 0;
  for (let i = 0; i < directory.count; i++) {
    const { entry, next } = parseEntry(bytes, position, directory, path);
    if (entries.has(entry.name))
      throw new Error(`${path}: expected every name once in the archive, got '${entry.name}' again`);
    entries.set(entry.name, entry);
    position = next;
  }
  return entries;
}

/** First byte of an entry's data: the local header says how long it is itself. */
export async function dataStart(source: ByteSource, entry: StoredEntry): Promise<number> {
  const view = viewOf(await source.read(entry.header, LOCAL_SIZE));
  if (view.getUint32(0, true) !== LOCAL) throw damaged(source.path, `no header for '${entry.name}'`);
  const start = entry.header + LOCAL_SIZE + view.getUint16(26, true) + view.getUint16(28, true);
  if (start + entry.size > source.size) throw damaged(source.path, `'${entry.name}' reaches beyond the end`);
  return start;
}

async function findDirectory(source: ByteSource): Promise<Directory> {
  const { path, size: fileSize } = source;
  const length = Math.min(fileSize, END_SIZE + COMMENT_LIMIT);
  const tail = viewOf(await source.read(fileSize - length, length));
  for (let at = length - END_SIZE; at >= 0; at--) {
    if (tail.getUint32(at, true) !== END || at + END_SIZE + tail.getUint16(at + 20, true) !== length) continue;
    const end = fileSize - length + at;
    const small = {
      count: tail.getUint16(at + 10, true),
      size: tail.getUint32(at + 12, true),
      start: tail.getUint32(at + 16, true),
    };
    const directory = (await findDirectory64(source, end)) ?? small;
    if (directory.start + directory.size > end || directory.size > DIRECTORY_LIMIT) {
      throw damaged(path, `a directory of ${directory.size} bytes from byte ${directory.start}`);
    }
    return directory;
  }
  throw damaged(path, 'no directory at the end');
}

/** PyTorch writes the 64-bit end record always. */
async function findDirectory64(source: ByteSource, end: number): Promise<Directory | undefined> {
  const { path } = source;
  if (end < LOCATOR_SIZE) return undefined;
  const locator = viewOf(await source.read(end - LOCATOR_SIZE, LOCATOR_SIZE));
  if (locator.getUint32(0, true) !== END64_LOCATOR) return undefined;
  const at = wide(locator, 8, path);
  if (at + END64_SIZE > end) throw damaged(path, `an end record at byte ${at}`);
  const record = viewOf(await source.read(at, END64_SIZE));
  if (record.getUint32(0, true) !== END64) throw damaged(path, 'no 64-bit end record');
  return { count: wide(record, 32, path), size: wide(record, 40, path), start: wide(record, 48, path) };
}

function parseEntry(
  bytes: Uint8Array,
  at: number,
  directory: Directory,
  path: string,
): { entry: StoredEntry; next: number } {
  const view = viewOf(bytes);
  if (at + CENTRAL_SIZE > bytes.length || view.getUint32(at, true) !== CENTRAL) throw damaged(path, 'a cut directory');
  const [nameLength, extraLength, commentLength] = [28, 30, 32].map((field) => view.getUint16(at + field, true));
  const next = at + CENTRAL_SIZE + nameLength + extraLength + commentLength;
  if (next > bytes.length) throw damaged(path, 'a cut directory');
  const name = new TextDecoder().decode(bytes.subarray(at + CENTRAL_SIZE, at + CENTRAL_SIZE + nameLength));
  if (view.getUint16(at + 8, true) & ENCRYPTED || view.getUint16(at + 10, true) !== 0) {
    throw new Error(
      `${path}: '${name}': expected a stored entry, as torch.save writes it, got a packed or encrypted one`,
    );
  }
  const extra = bytes.subarray(at + CENTRAL_SIZE + nameLength, at + CENTRAL_SIZE + nameLength + extraLength);
  const { size, header } = entrySizes(view, at, extra, path);
  if (header + LOCAL_SIZE + size > directory.start) throw damaged(path, `'${name}' reaches into the directory`);
  return { entry: { name, size, header }, next };
}

/** Sizes and offset; where 32 bits do not hold them, they follow one another in an extra field of type 1. */
function entrySizes(view: DataView, at: number, extra: Uint8Array, path: string): { size: number; header: number } {
  const fields = [24, 20, 42].map((field) => view.getUint32(at + field, true)); // size, packed size, offset
  if (fields.includes(FULL32)) {
    const words = viewOf(zip64Field(extra, path));
    let position = 0;
    fields.forEach((value, i) => {
      if (value !== FULL32) return;
      if (position + 8 > words.byteLength) throw damaged(path, 'a cut 64-bit field');
      fields[i] = wide(words, position, path);
      position += 8;
    });
  }
  const [size, packed, header] = fields;
  if (size !== packed) throw damaged(path, 'a stored entry of two sizes');
  return { size, header };
}

function zip64Field(extra: Uint8Array, path: string): Uint8Array {
  const view = viewOf(extra);
  for (let at = 0; at + 4 <= extra.length;) {
    const length = view.getUint16(at + 2, true);
    if (view.getUint16(at, true) === 1) return extra.subarray(at + 4, at + 4 + length);
    at += 4 + length;
  }
  throw damaged(path, 'no 64-bit sizes');
}

function wide(view: DataView, at: number, path: string): number {
  const value = view.getBigUint64(at, true);
  if (value > Number.MAX_SAFE_INTEGER) throw damaged(path, `a number of ${value}`);
  return Number(value);
}

function damaged(path: string, what: string): Error {
  return new Error(
    `${path}: expected a zip archive as torch.save writes it, got ${what}: cut or damaged; download it again`,
  );
}
