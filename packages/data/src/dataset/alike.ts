/** Bits of a band of a fingerprint, which is looked up at once. */
const BAND = 16;
/** More fingerprints with an equal band than this say nothing: black frames, title cards. */
const MOST_CANDIDATES = 500;

/**
 * Pairs of fingerprints of equal length whose bits differ in at most `distance` positions, in the order of their
 * indices. Of the bands of 16 bits all but `distance` are equal at least; divided into one group fewer than these, two
 * equal ones stand in one group. So candidates share two bands of a group, 32 bits: of a million unlike fingerprints a
 * few thousand pairs are compared, where bands alone would give a number that grows with their square. All pairs are
 * found while `distance` is below the number of bands. Fingerprints with nearly no bits set, or nearly all, are left
 * alone: flat pictures look alike without being so.
 */
export function findAlike(fingerprints: readonly Uint16Array[], distance: number): [number, number][] {
  const usable = Array.from(fingerprints.keys()).filter((i) => isDistinctive(fingerprints[i], distance));
  const pairs: [number, number][] = [];
  const before: { readonly key: BandKey; readonly crowded: Uint8Array }[] = [];
  for (const key of keysOf(fingerprints[0]?.length ?? 0, distance)) {
    const crowded = new Uint8Array(fingerprints.length);
    for (const bucket of bucketsOf(fingerprints, usable, key)) {
      if (bucket.length > MOST_CANDIDATES) for (const i of bucket) crowded[i] = 1;
      else {
        for (const [a, b] of pairsOf(bucket)) {
          const [one, two] = [fingerprints[a], fingerprints[b]];
          if (bitsApart(one, two) > distance) continue;
          const known = before.some(({ key, crowded }) => !crowded[a] && isEqual(one, two, key));
          if (!known) pairs.push([a, b]);
        }
      }
    }
    before.push({ key, crowded });
  }
  return pairs.sort(([a, b], [c, d]) => a - c || b - d);
}

function* pairsOf(bucket: readonly number[]): Generator<[number, number]> {
  for (let k = 0; k < bucket.length; k++) for (let l = k + 1; l < bucket.length; l++) yield [bucket[k], bucket[l]];
}

/** Bands that are looked up together: two, or one where only one is sure to be equal. */
type BandKey = readonly number[];

function keysOf(bands: number, distance: number): BandKey[] {
  const equal = bands - distance;
  if (equal < 2) return Array.from({ length: bands }, (_, band) => [band]);
  const groups = Math.min(equal - 1, Math.floor(bands / 2));
  return Array.from({ length: groups }, (_, group) => {
    const members = Array.from({ length: bands }, (_, band) => band).filter((band) => band % groups === group);
    return members.flatMap((first, i) => members.slice(i + 1).map((second) => [first, second]));
  }).flat();
}

/** Indices of two or more fingerprints with the same bands, in their order. */
function* bucketsOf(
  fingerprints: readonly Uint16Array[],
  usable: readonly number[],
  key: BandKey,
): Generator<number[]> {
  // Most are alone: a list for each would take more than the fingerprints.
  const last = new Map<number, number>();
  const previous = new Int32Array(fingerprints.length).fill(-1);
  const shared = new Set<number>();
  for (const i of usable) {
    const value = key.reduce((bits, band) => (bits << BAND) | fingerprints[i][band], 0);
    const before = last.get(value);
    if (before !== undefined) {
      previous[i] = before;
      shared.add(value);
    }
    last.set(value, i);
  }
  for (const value of shared) {
    const bucket: number[] = [];
    for (let i = last.get(value)!; i >= 0; i = previous[i]) bucket.push(i);
    yield bucket.reverse();
  }
}

function isEqual(a: Uint16Array, b: Uint16Array, key: BandKey): boolean {
  return key.every((band) => a[band] === b[band]);
}

/** More bits of both kinds than may differ. */
function isDistinctive(fingerprint: Uint16Array, distance: number): boolean {
  const ones = bitsApart(fingerprint, new Uint16Array(fingerprint.length));
  return Math.min(ones, BAND * fingerprint.length - ones) > 2 * distance;
}

function bitsApart(a: Uint16Array, b: Uint16Array): number {
  let count = 0;
  for (let i = 0; i < a.length; i++) {
    for (let bits = a[i] ^ b[i]; bits !== 0; bits &= bits - 1) count++;
  }
  return count;
}
