import { foldIn, randomInt, randomKey, type Key } from '@wbdc/nn';
import { expect } from 'vitest';

/** Mutated files a format; the whole run is 10,000: npx nx run data:fuzz, io:fuzz, video-features:fuzz. */
export const FUZZ_RUNS = Number(process.env['WBDC_FUZZ'] ?? 60);

/** What damage looks like: bits turned, bytes overwritten with extremes, pieces cut out, doubled or cut off. */
export function mutate(original: Uint8Array, key: Key): Buffer {
  let bytes = Buffer.from(original);
  const changes = 1 + randomInt(key, 0, 4);
  for (let change = 1; change <= changes; change++) {
    const at = randomInt(key, 10 * change, bytes.length + 1);
    const other = randomInt(key, 10 * change + 1, bytes.length + 1);
    const value = randomInt(key, 10 * change + 2, 256);
    const kind = randomInt(key, 10 * change + 3, 6);
    if (kind === 0 && at < bytes.length) bytes[at] ^= 1 << (value & 7);
    if (kind === 1 && at < bytes.length) bytes[at] = value;
    if (kind === 2) bytes.fill(value < 128 ? 0xff : 0, at, Math.min(bytes.length, at + 1 + (value & 7)));
    if (kind === 3) bytes = bytes.subarray(0, at);
    if (kind === 4)
      bytes = Buffer.concat([bytes.subarray(0, Math.min(at, other)), bytes.subarray(Math.max(at, other))]);
    if (kind === 5)
      bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(other, other + value), bytes.subarray(at)]);
  }
  return bytes;
}

export interface Fuzzing {
  readonly name: string;
  readonly original: Uint8Array;
  /** Reads a mutated file; what it throws must be of one of `errors`, and so must what it passes to `onBad`. */
  readonly read: (bytes: Buffer, onBad: (error: unknown) => void) => Promise<unknown>;
  readonly errors: readonly (new (...args: never[]) => Error)[];
  readonly runs?: number;
}

/** Limits of one reading and of the process while it reads them all. */
const MOST_MILLISECONDS = 10_000;
const MOST_GROWTH = 300 << 20;

/**
 * Reads mutated files: no crash, no hang, no other error, bounded memory. Gives how many were refused at least in part.
 */
export async function fuzz({ name, original, read, errors, runs = FUZZ_RUNS }: Fuzzing): Promise<number> {
  const before = process.memoryUsage().rss;
  let refused = 0;
  for (let run = 0; run < runs; run++) {
    let bad = 0;
    const onBad = (error: unknown): void => {
      if (!errors.some((kind) => error instanceof kind)) throw new Error(`${name}, run ${run}`, { cause: error });
      bad++;
    };
    const start = performance.now();
    await read(mutate(original, foldIn(randomKey(run), name)), onBad).catch(onBad);
    expect(performance.now() - start, `${name}, run ${run}`).toBeLessThan(MOST_MILLISECONDS);
    refused += Number(bad > 0);
  }
  expect(process.memoryUsage().rss - before, name).toBeLessThan(MOST_GROWTH);
  return refused;
}
