import { open } from 'node:fs/promises';
import { crc32, inflateRawSync } from 'node:zlib';
import { isMissing } from '@wbdc/io';
import { SourceError, reasonOf } from './errors.js';

/** An encoded picture and the name it has in its archive or folder. */
export interface FrameFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** What an archive of frames may cost, checked before anything is unpacked. */
export interface ZipLimits {
  /** Bytes of the archive. */
  readonly maxBytes: number;
  readonly maxEntries: number;
  /** Bytes of one unpacked entry. */
  readonly maxEntryBytes: number;
  /** Bytes of all unpacked entries together. */
  readonly maxTotalBytes: number;
}

export const ZIP_LIMITS: ZipLimits = {
  maxBytes: 512 * 2 ** 20,
  maxEntries: 10_000,
  maxEntryBytes: 64 * 2 ** 20,
  maxTotalBytes: 512 * 2 ** 20,
};

export interface ReadZipOptions {
  /** What to call the archive in an error; the path by default. */
  readonly name?: string;
  readonly limits?: ZipLimits;
}

interface Entry {
  readonly name: string;
  readonly flags: number;
  readonly method: number;
  readonly crc: number;
  readonly packed: number;
  readonly size: number;
  /** Of the entry's local header. */
  readonly offset: number;
}

const END = 0x06054b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;
const END_SIZE = 22;
const CENTRAL_SIZE = 46;
const LOCAL_SIZE = 30;
const MAX_COMMENT = 0xffff;
const STORED = 0;
const DEFLATED = 8;
const ENCRYPTED = 1;
const HELP = 'Copy or pack the file again, or leave the video out.';

/**
 * The frames of one video: all files of a zip in the order of their sorted names, checksums verified. Folders, names that
 * start with a dot and `__MACOSX/` do not count.
 *
 * The directory is read here and not by a zip library because those on npm that unpack from memory hide the checksum.
 *
 * @throws SourceError when the archive is broken or beyond the limits, or when a name is absolute or climbs out (`..`)
 */
export async function readFrameZip(source: string | Uint8Array, options: ReadZipOptions = {}): Promise<FrameFile[]> {
  const { limits = ZIP_LIMITS, name = typeof source === 'string' ? source : 'zip' } = options;
  const bytes = typeof source === 'string' ? await readBounded(source, limits.maxBytes) : source;
  try {
    return unpack(bytes, limits);
  } catch (error) {
    const reason = error instanceof RangeError ? 'an offset points outside of the file' : reasonOf(error);
    throw new SourceError(`${name}: ${reason}. ${HELP}`, { cause: error });
  }
}

/** A whole file, refused before it is read when it is too large. */
export async function readBounded(path: string, maxBytes: number): Promise<Uint8Array> {
  const file = await open(path).catch((error: unknown) => {
    throw isMissing(error) ? new SourceError(`${path}: expected a file, found none. Check the path.`) : error;
  });
  try {
    const status = await file.stat();
    if (!status.isFile()) throw new SourceError(`${path}: expected a file, got a folder or device. Check the path.`);
    if (status.size > maxBytes) {
      throw new SourceError(`${path}: expected at most ${maxBytes} bytes, got ${status.size}. ${HELP}`);
    }
    return await file.readFile();
  } finally {
    await file.close();
  }
}

function unpack(bytes: Uint8Array, limits: ZipLimits): FrameFile[] {
  if (bytes.length > limits.maxBytes) throw new Error(`expected at most ${limits.maxBytes} bytes, got ${bytes.length}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const all = readDirectory(view, bytes, limits);
  checkEntries(all, limits);
  const entries = all.filter(isFrame);
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  return entries.map((entry) => ({ name: entry.name, bytes: unpackEntry(view, bytes, entry) }));
}

function readDirectory(view: DataView, bytes: Uint8Array, { maxEntries }: ZipLimits): Entry[] {
  const end = findEnd(view);
  const count = view.getUint16(end + 10, true);
  let at = view.getUint32(end + 16, true);
  if (count === 0xffff || at === 0xffffffff) throw new Error('expected a plain zip, got ZIP64');
  if (count > maxEntries) throw new Error(`expected at most ${maxEntries} entries, got ${count}`);
  const entries: Entry[] = [];
  for (let i = 0; i < count; i++) {
    if (view.getUint32(at, true) !== CENTRAL) throw new Error(`entry ${i} of the directory is damaged`);
    const nameLength = view.getUint16(at + 28, true);
    entries.push(readEntry(view, bytes, at, nameLength));
    at += CENTRAL_SIZE + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  return entries;
}

/** The end record stands at the end of the file, before a comment of unknown length. */
function findEnd(view: DataView): number {
  const last = view.byteLength - END_SIZE;
  for (let at = last; at >= Math.max(0, last - MAX_COMMENT); at--) {
    if (view.getUint32(at, true) === END && at + END_SIZE + view.getUint16(at + 20, true) === view.byteLength)
      return at;
  }
  throw new Error(`expected a zip, got ${view.byteLength} bytes without its directory (cut off, or another format)`);
}

function readEntry(view: DataView, bytes: Uint8Array, at: number, nameLength: number): Entry {
  const start = at + CENTRAL_SIZE;
  if (start + nameLength > bytes.length) throw new RangeError('name');
  return {
    name: new TextDecoder().decode(bytes.subarray(start, start + nameLength)),
    flags: view.getUint16(at + 8, true),
    method: view.getUint16(at + 10, true),
    crc: view.getUint32(at + 16, true),
    packed: view.getUint32(at + 20, true),
    size: view.getUint32(at + 24, true),
    offset: view.getUint32(at + 42, true),
  };
}

function isFrame({ name }: Entry): boolean {
  return !name.endsWith('/') && !name.split('/').at(-1)!.startsWith('.') && !name.startsWith('__MACOSX/');
}

function checkEntries(entries: readonly Entry[], { maxEntryBytes, maxTotalBytes }: ZipLimits): void {
  const names = new Set<string>();
  let total = 0;
  for (const { name, flags, method, size } of entries) {
    const fail = (reason: string): never => {
      throw new Error(`${JSON.stringify(name)}: ${reason}`);
    };
    if (/^([/\\]|[a-z]:)|\0|(^|[/\\])\.\.([/\\]|$)/i.test(name)) fail("expected a relative name without '..' in it");
    if (names.has(name)) fail('the name occurs twice');
    if (flags & ENCRYPTED) fail('the entry is encrypted');
    if (method !== STORED && method !== DEFLATED) fail(`expected method stored or deflate, got ${method}`);
    if (size > maxEntryBytes) fail(`expected at most ${maxEntryBytes} bytes unpacked, got ${size}`);
    total += size;
    if (total > maxTotalBytes) fail(`expected at most ${maxTotalBytes} bytes unpacked in all, got more`);
    names.add(name);
  }
}

function unpackEntry(
  view: DataView,
  bytes: Uint8Array,
  { name, method, crc, packed, size, offset }: Entry,
): Uint8Array {
  const fail = (reason: string, cause?: unknown): never => {
    throw new Error(`${JSON.stringify(name)}: ${reason}`, { cause });
  };
  if (view.getUint32(offset, true) !== LOCAL) fail('the entry does not stand where the directory says');
  const start = offset + LOCAL_SIZE + view.getUint16(offset + 26, true) + view.getUint16(offset + 28, true);
  if (start + packed > bytes.length) fail(`expected ${packed} bytes, the file ends before`);
  const stored = bytes.subarray(start, start + packed);
  const content = method === STORED ? stored : inflate(stored, size, fail);
  if (content.length !== size) fail(`expected ${size} bytes unpacked, got ${content.length}`);
  if (crc32(content) !== crc) fail('the checksum (CRC-32) does not match the content');
  return content;
}

function inflate(packed: Uint8Array, size: number, fail: (reason: string, cause: unknown) => never): Uint8Array {
  try {
    return inflateRawSync(packed, { maxOutputLength: Math.max(1, size) });
  } catch (error) {
    return fail(`the compressed data are damaged or longer than declared (${reasonOf(error)})`, error);
  }
}
