import { readFileSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import type { Sample } from '../reader.js';

const PACKAGES = join(import.meta.dirname, '..', '..', '..', 'packages');

/** A file or folder of a package's fixtures. */
export function fixture(name: string, path: string): string {
  return join(PACKAGES, name, 'test', 'fixtures', path);
}

/** Copies a folder, of whose files some are mutated. */
export async function copied(from: string, to: string, names: readonly string[]): Promise<Sample[]> {
  await cp(from, to, { recursive: true });
  return names.map((name) => ({ name, bytes: readFileSync(join(from, name)) }));
}

export function text(name: string, contents: string): Sample {
  return { name, bytes: Buffer.from(contents) };
}

export function json(name: string, value: unknown): Sample {
  return text(name, JSON.stringify(value));
}

export async function drain(values: AsyncIterable<unknown>): Promise<void> {
  for await (const value of values) void value;
}

/** A safetensors file of which the header is mutated: its length before it is right again. */
export function headerOf(name: string, file: Uint8Array): Sample {
  const length = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  const rest = file.slice(8 + length);
  const wrap = (header: Uint8Array): Uint8Array => {
    const prefix = Buffer.alloc(8);
    prefix.writeBigUInt64LE(BigInt(header.length));
    return Buffer.concat([prefix, header, rest]);
  };
  return { name, bytes: file.slice(8, 8 + length), wrap };
}
