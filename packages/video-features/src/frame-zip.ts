import { open } from 'node:fs/promises';
import { bytesInMemory, compareNatural, isMissing, isSystemFile, type ByteSource } from '@wbdc/io';
import { FormatError, WbdcError } from '@wbdc/io/errors';
import { isRemote, openRemote, type RemoteOptions } from '@wbdc/io/remote';
import { DEFLATED, findDirectory, listEntries, readEntry, STORED, type ZipEntry } from '@wbdc/io/zip';
import { SourceError, reasonOf } from './errors.js';
import { isFrame, noPicture } from './frame-files.js';

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
  /** With it, the path may be an address (`https://`, `s3://`). */
  readonly remote?: RemoteOptions | undefined;
}

const HELP = 'Copy or pack the file again, or leave the video out.';

/**
 * The frames of one video: the pictures of a zip in the natural order of their names (2 before 10), checksums verified.
 * Folders, what operating systems leave (`isSystemFile` of `@wbdc/io`) and notes beside the pictures do not count.
 *
 * @throws SourceError when the archive is broken or beyond the limits, or when a name is absolute or climbs out (`..`)
 */
export async function readFrameZip(source: string | Uint8Array, options: ReadZipOptions = {}): Promise<FrameFile[]> {
  const { limits = ZIP_LIMITS, name = typeof source === 'string' ? source : 'zip' } = options;
  const bytes = typeof source === 'string' ? await readBounded(source, limits.maxBytes, options.remote) : source;
  try {
    return await unpack(bytesInMemory(bytes, name), limits);
  } catch (error) {
    throw new SourceError(`${name}: ${zipReason(error, name)}. ${HELP}`, { cause: error });
  }
}

/** A whole file, refused before it is read when it is too large; with `remote`, also one on a server. */
export async function readBounded(path: string, maxBytes: number, remote?: RemoteOptions): Promise<Uint8Array> {
  if (remote !== undefined && isRemote(path)) return fetchBounded(path, maxBytes, remote);
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

async function fetchBounded(path: string, maxBytes: number, remote: RemoteOptions): Promise<Uint8Array> {
  const source = await openRemote(path, remote).catch((error: unknown) => {
    if (!(error instanceof WbdcError) || error.code !== 'remote-missing') throw error; // the server, not the video
    throw new SourceError(`${error.message}. ${HELP}`, { cause: error });
  });
  try {
    if (source.size <= maxBytes) return await source.read(0, source.size);
    throw new SourceError(`${source.path}: expected at most ${maxBytes} bytes, got ${source.size}. ${HELP}`);
  } finally {
    await source.close();
  }
}

async function unpack(source: ByteSource, limits: ZipLimits): Promise<FrameFile[]> {
  const { maxBytes, maxEntries } = limits;
  if (source.size > maxBytes) throw new WbdcError(`expected at most ${maxBytes} bytes, got ${source.size}`);
  const directory = await findDirectory(source);
  if (directory.count > maxEntries) {
    throw new WbdcError(`expected at most ${maxEntries} entries, got ${directory.count}`);
  }
  const all = await listEntries(source, directory);
  checkEntries(all, limits);
  const entries = all.filter(({ name }) => !name.endsWith('/') && !isSystemFile(name));
  entries.sort((a, b) => compareNatural(a.name, b.name));
  const files: FrameFile[] = [];
  for (const entry of entries) {
    const bytes = await readEntry(source, entry, JSON.stringify(entry.name));
    if (isFrame(entry.name, bytes)) files.push({ name: entry.name, bytes });
  }
  if (files.length === 0 && entries.length > 0) throw new WbdcError(noPicture(entries.map((entry) => entry.name)));
  return files;
}

function checkEntries(entries: readonly ZipEntry[], { maxEntryBytes, maxTotalBytes }: ZipLimits): void {
  const names = new Set<string>();
  let total = 0;
  for (const { name, encrypted, method, size } of entries) {
    const fail = (reason: string): never => {
      throw new WbdcError(`${JSON.stringify(name)}: ${reason}`);
    };
    if (/^([/\\]|[a-z]:)|\0|(^|[/\\])\.\.([/\\]|$)/i.test(name)) fail("expected a relative name without '..' in it");
    if (names.has(name)) fail('the name occurs twice');
    if (encrypted) fail('the entry is encrypted');
    if (method !== STORED && method !== DEFLATED) fail(`expected method stored or deflate, got ${method}`);
    if (size > maxEntryBytes) fail(`expected at most ${maxEntryBytes} bytes unpacked, got ${size}`);
    total += size;
    if (total > maxTotalBytes) fail(`expected at most ${maxTotalBytes} bytes unpacked in all, got more`);
    names.add(name);
  }
}

/** What is wrong with an archive, without its name. */
function zipReason(error: unknown, name: string): string {
  if (!(error instanceof FormatError)) return reasonOf(error);
  const { where = name, expected, got, code } = error;
  const start = where === name ? '' : `${where.replace(`${name}: `, '')}: `;
  if (code === 'zip-checksum') return `${start}the checksum (CRC-32) does not match the content`;
  if (code === 'zip-deflate') return `${start}the compressed data are damaged or longer than declared (${got})`;
  return `${start}expected ${expected}, got ${got}`;
}
