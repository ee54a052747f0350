import type { Batch } from './batch.js';

/**
 * A number for every row, the same for rows of the same values. What equals the right answer is no wrong one: two
 * videos of one title, or the frames of a still picture.
 */
export function groupRows(rows: readonly ArrayLike<number>[]): Int32Array {
  const buckets = new Map<number, number[]>();
  const groups = new Int32Array(rows.length);
  rows.forEach((row, i) => {
    const bucket = buckets.get(hashOf(row)) ?? [];
    if (bucket.length === 0) buckets.set(hashOf(row), bucket);
    const twin = bucket.find((j) => equal(rows[j], row));
    groups[i] = twin ?? i;
    if (twin === undefined) bucket.push(i);
  });
  return groups;
}

/** A number for every video of a batch, the same for videos of the same frames. */
export function groupFrames({ frames, frameMask }: Pick<Batch, 'frames' | 'frameMask'>): Int32Array {
  const [videos, count, width] = frames.shape;
  const pictures = groupRows(rowsIn(frames.data, count * width));
  const shown = groupRows(rowsIn(frameMask.data, count));
  return groupRows(Array.from({ length: videos }, (_, video) => [pictures[video] ?? 0, shown[video] ?? 0]));
}

/** The rows of a table `[N, width]`. */
export function rowsIn<T extends Float32Array | Int32Array>(data: T, width: number): T[] {
  return Array.from(
    { length: width === 0 ? 0 : data.length / width },
    (_, i) => data.subarray(i * width, (i + 1) * width) as T,
  );
}

/**
 * What hides wrong answers that are right ones: `[asked.length, groups.length]`, -1e9 where a candidate is in the group
 * of an answer without being it, 0 elsewhere; nothing where there is no such candidate.
 *
 * @param asked index of each question's answer among the candidates
 */
export function hideEqual(asked: ArrayLike<number>, ...kinds: readonly Int32Array[]): Float32Array | undefined {
  if (kinds.every((groups) => groups.every((group, i) => group === i))) return undefined;
  const width = kinds[0].length;
  const bias = new Float32Array(asked.length * width);
  let hidden = 0;
  Array.from(asked).forEach((answer, row) => {
    for (let candidate = 0; candidate < width; candidate++) {
      if (candidate === answer || !kinds.some((groups) => groups[candidate] === groups[answer])) continue;
      bias[row * width + candidate] = -1e9;
      hidden++;
    }
  });
  return hidden === 0 ? undefined : bias;
}

/** Of the bits of some values, spread over the row: equal rows have equal hashes. */
function hashOf(row: ArrayLike<number>): number {
  const step = Math.max(1, Math.floor(row.length / 64));
  let hash = row.length;
  for (let i = 0; i < row.length; i += step) {
    FLOAT[0] = row[i];
    hash = (Math.imul(hash, 31) + BITS[0]) | 0;
  }
  return hash;
}

const FLOAT = new Float32Array(1);
const BITS = new Int32Array(FLOAT.buffer);

function equal(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
