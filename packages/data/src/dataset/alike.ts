/** Bits of a band of a fingerprint, which is looked up at once. */
const BAND = 16;
/** More fingerprints with an equal band than this say nothing: black frames, title cards. */
const MOST_CANDIDATES = 500;

/**
 * Pairs of fingerprints of equal length whose bits differ in at most `distance` positions, earlier index first.
 * Candidates share 16 bits at the same position: all pairs are found while `distance` is below the number of such
 * bands, and a million fingerprints need no million squared comparisons. Fingerprints with nearly no bits set, or
 * nearly all, are left alone: flat pictures look alike without being so.
 */
export function findAlike(fingerprints: readonly Uint16Array[], distance: number): [number, number][] {
  const pairs: [number, number][] = [];
  const tried = new Set<number>();
  for (const [a, b] of candidates(fingerprints, distance)) {
    const key = a * fingerprints.length + b;
    if (tried.has(key)) continue;
    tried.add(key);
    if (bitsApart(fingerprints[a], fingerprints[b]) <= distance) pairs.push([a, b]);
  }
  return pairs;
}

function* candidates(fingerprints: readonly Uint16Array[], distance: number): Generator<[number, number]> {
  const usable = Array.from(fingerprints.keys()).filter((i) => isDistinctive(fingerprints[i], distance));
  const bands = fingerprints[0]?.length ?? 0;
  for (let band = 0; band < bands; band++) {
    const buckets = new Map<number, number[]>();
    for (const i of usable) {
      const value = fingerprints[i][band];
      const bucket = buckets.get(value);
      if (bucket) bucket.push(i);
      else buckets.set(value, [i]);
    }
    for (const bucket of buckets.values()) {
      if (bucket.length > MOST_CANDIDATES) continue;
      for (const [k, a] of bucket.entries()) for (const b of bucket.slice(k + 1)) yield [a, b];
    }
  }
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
