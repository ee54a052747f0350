import { createRequire } from 'node:module';

/**
 * Ordinary arrays over memory that others have too. ONNX Runtime's binding takes no array over shared memory, and a
 * thread sees no other: with an alias both work on the same bytes. Whoever makes one sees to it that the memory stays.
 */
export interface Aliases {
  /** Where the values of an array lie. */
  address(values: ArrayBufferView): bigint;
  /** A buffer over so many bytes of memory from an address on, or from the first value of an array on. */
  view(from: bigint | ArrayBufferView, bytes: number): ArrayBuffer;
}

/** By the package koffi, an optional one; none where it is not installed, or may make no such buffers here. */
export function loadAliases(require = createRequire(import.meta.url)): Aliases | undefined {
  try {
    const aliases = require('koffi') as Aliases;
    const shared = new Uint8Array(new SharedArrayBuffer(8)).fill(7);
    const alias = aliases.view(aliases.address(shared), shared.byteLength);
    return alias instanceof ArrayBuffer && new Uint8Array(alias)[7] === 7 ? aliases : undefined;
  } catch {
    return undefined;
  }
}
