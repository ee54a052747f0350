import { open } from 'node:fs/promises';
import type { ByteSource } from './byte-source.js';
import { FormatError } from './errors.js';
import { fileError, readRange } from './files.js';
import { isRemote } from './remote/location.js';
import { openRemote, type OpenRemoteOptions } from './remote/remote-bytes.js';

/** A file, or one on a server ({@link openRemote}), as a byte source; what it reads is in memory of its own. */
export async function openBytes(path: string, remote: OpenRemoteOptions = {}): Promise<ByteSource> {
  if (isRemote(path)) return openRemote(path, remote);
  const file = await open(path, 'r').catch((cause) => Promise.reject(fileError('open', path, cause)));
  const { size } = await file.stat().catch(async (cause) => {
    await file.close();
    throw fileError('open', path, cause);
  });
  return { path, size, read: (start, length) => readRange(file, start, length, path), close: () => file.close() };
}

/** Bytes in memory as a byte source; what it reads are views. @param path what to call them in messages */
export function bytesInMemory(bytes: Uint8Array, path: string): ByteSource {
  const read = async (start: number, length: number): Promise<Uint8Array> => {
    if (start >= 0 && length >= 0 && start + length <= bytes.length) return bytes.subarray(start, start + length);
    const [expected, got] = [`${start + length} bytes`, String(bytes.length)];
    throw new FormatError({ where: path, expected, got, advice: 'they are cut off' });
  };
  return { path, size: bytes.length, read, close: () => Promise.resolve() };
}

/** The same bytes with the methods of a Buffer. */
export function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
