import { open } from 'node:fs/promises';
import { fileError, readRange } from '@wbdc/io';

/** Bytes that are read in parts: a file, or memory. */
export interface ByteSource {
  /** Where they are, for messages. */
  readonly path: string;
  readonly size: number;
  /** Bytes `[start, start + length)`; an error where they end before. */
  read(start: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

export async function openBytes(path: string): Promise<ByteSource> {
  const file = await open(path, 'r').catch((cause) => Promise.reject(fileError('open', path, cause)));
  const { size } = await file.stat().catch(async (cause) => {
    await file.close();
    throw fileError('open', path, cause);
  });
  return { path, size, read: (start, length) => readRange(file, start, length, path), close: () => file.close() };
}

export function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}
