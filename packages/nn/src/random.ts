/**
 * Explicit random keys in the manner of JAX: a key is a value, every use derives its own with `foldIn`, and the same
 * key gives the same numbers on every engine. So a resumed run needs no saved generator: step and seed are the state.
 */
export type Key = readonly [number, number, undrawn?: readonly string[] | undefined, rows?: Int32Array];

const GOLDEN = 0x9e3779b9;

/** The key of a seed (an integer). */
export function randomKey(seed: number): Key {
  if (!Number.isSafeInteger(seed)) throw new RangeError(`expected an integer seed, got ${seed}`);
  return [mix(seed >>> 0), mix(Math.floor(seed / 2 ** 32) ^ GOLDEN)];
}

/** The key derived from another by a number, such as that of a step, or by a name. */
export function foldIn(key: Key, data: number | string): Key {
  const word = typeof data === 'string' ? hashString(data) : data >>> 0;
  const derived = [mix(key[0] ^ mix(word + GOLDEN)), mix(Math.imul(key[1] ^ word, GOLDEN) + key[0])] as const;
  const undrawn = key[2]?.flatMap((path) => pathBelow(path, String(data)));
  if (key[3] !== undefined) return [...derived, undrawn, key[3]];
  return undrawn?.length ? [...derived, undrawn] : derived;
}

/**
 * The same key for a process that computes some rows of a batch: `rows` are their numbers in the whole batch, by which
 * dropout draws. All keys derived from it are of the same rows. Without either, the key as it is.
 */
export function withRows(key: Key | undefined, rows: Int32Array | undefined): Key | undefined {
  return key && rows ? [key[0], key[1], key[2], rows] : key;
}

/**
 * The same key, but tables of weights drawn by keys that are derived from it along these paths of names
 * (`encoder.bert`) are zeros: whoever is about to fill them from a file need not draw them. Without paths, all.
 */
export function undrawn([a, b]: Key, paths: readonly string[] = ['']): Key {
  return paths.length === 0 ? [a, b] : [a, b, paths];
}

/** What is left of a path below a name: everything below the empty one. */
function pathBelow(path: string, name: string): string[] {
  if (path === '' || path === name) return [''];
  return path.startsWith(`${name}.`) ? [path.slice(name.length + 1)] : [];
}

/** Finaliser of MurmurHash3: a bijection of 32-bit words in which every input bit moves every output bit. */
function mix(word: number): number {
  let h = word | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function hashString(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h >>> 0;
}

/** Random 32 bits at a position of a key's stream. */
export function randomBits(key: Key, index: number): number {
  return mix(mix(index ^ key[0]) + key[1]);
}

/** Uniform in [0, 1) at a position of a key's stream. */
export function uniform(key: Key, index: number): number {
  return randomBits(key, index) / 2 ** 32;
}

/** Uniform integer in [0, bound) at a position of a key's stream. */
export function randomInt(key: Key, index: number, bound: number): number {
  return Math.floor(uniform(key, index) * bound);
}

/** The integers 0..count-1 in random order (Fisher-Yates). */
export function permutation(key: Key, count: number): Int32Array {
  const order = Int32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = randomInt(key, i, i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

/** `count` draws of a normal distribution (Box-Muller), cut at two deviations as BERT initialises its weights. */
export function truncatedNormal(key: Key, count: number, deviation: number): Float32Array {
  const values = new Float32Array(count);
  if (key[2]?.includes('')) return values; // of `undrawn`
  for (let i = 0, draw = 0; i < count; draw++) {
    const radius = Math.sqrt(-2 * Math.log(1 - uniform(key, 2 * draw)));
    const value = radius * Math.cos(2 * Math.PI * uniform(key, 2 * draw + 1));
    if (Math.abs(value) <= 2) values[i++] = value * deviation;
  }
  return values;
}

/**
 * Indices of at most `limit` of `count` frames, evenly over the whole video: `floor(i * count / limit)`. For
 * evaluation.
 */
export function evenStride(count: number, limit: number): Int32Array {
  const kept = Math.min(count, limit);
  return Int32Array.from({ length: kept }, (_, i) => Math.floor((i * count) / kept));
}

/** A sorted random subset of at most `limit` of `count` frames; the same for the same key. For training. */
export function randomSubset(key: Key, count: number, limit: number): Int32Array {
  return count <= limit ? evenStride(count, limit) : permutation(key, count).subarray(0, limit).sort();
}
