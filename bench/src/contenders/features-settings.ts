import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { unzipSync } from 'fflate';

/** What the contenders of bench:features are given, as a file of JSON. */
export interface FeaturesSettings {
  /** Holds `tower/` and `tower.onnx`. */
  readonly folder: string;
  readonly batch: number;
  readonly threads: number;
  readonly parameters: number;
  readonly resizer: 'pillow' | 'fast';
  /** Paths of the zips of every step. */
  readonly steps: readonly (readonly string[])[];
}

export function readSettings(): FeaturesSettings {
  return JSON.parse(readFileSync(process.argv[2], 'utf8')) as FeaturesSettings;
}

/** The pictures in zips, in the order of their names. */
export async function readPictures(paths: readonly string[]): Promise<Uint8Array[]> {
  const zips = await Promise.all(paths.map(async (path) => unzipSync(await readFile(path))));
  return zips.flatMap((files) =>
    Object.keys(files)
      .sort()
      .map((name) => files[name]),
  );
}

/** What the results of contenders are compared by. */
export function meanSize(arrays: readonly Float32Array[]): number {
  let sum = 0;
  let count = 0;
  for (const values of arrays) {
    for (const value of values) sum += Math.abs(value);
    count += values.length;
  }
  return sum / count;
}
