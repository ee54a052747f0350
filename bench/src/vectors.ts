import { open } from 'node:fs/promises';

export const WIDTH = 256;
const CLUSTERS = 2000;
/** Vectors made at once. */
const BLOCK = 4096;

/** Like embeddings of videos, or, harder than any, without any order. */
export type VectorKind = 'clusters' | 'noise';

export const ABOUT: Readonly<Record<VectorKind, string>> = {
  clusters:
    `${CLUSTERS} clusters of uneven sizes (shares of 1 / (i + 10)), a spread of 0.8 around their centres; ` +
    'the variance of both falls along the axes as 1 / (1 + j / 16)',
  noise: 'independent normal values: no structure, the worst that there is for a graph',
};

/** Writes unit vectors `[N, 256]` in float32, the same for the same seed, block by block. */
export async function writeVectors(path: string, kind: VectorKind, count: number, seed: number): Promise<void> {
  const file = await open(path, 'w');
  try {
    const draw = drawing(kind, seed);
    for (let from = 0; from < count; from += BLOCK) {
      const block = new Float32Array(Math.min(BLOCK, count - from) * WIDTH); // [N, 256]
      for (let at = 0; at < block.length; at += WIDTH) draw(block.subarray(at, at + WIDTH));
      await file.write(new Uint8Array(block.buffer));
    }
  } finally {
    await file.close();
  }
}

/** Vectors of a file, one after another; a block of them is in memory at a time. */
export async function* readVectors(path: string): AsyncGenerator<Float32Array> {
  const file = await open(path);
  try {
    for (let bytes = 0; ;) {
      const block = new Float32Array(BLOCK * WIDTH);
      const { bytesRead } = await file.read(new Uint8Array(block.buffer), { position: bytes });
      if (bytesRead === 0) return;
      bytes += bytesRead;
      for (let at = 0; at < bytesRead / 4; at += WIDTH) yield block.subarray(at, at + WIDTH);
    }
  } finally {
    await file.close();
  }
}

function drawing(kind: VectorKind, seed: number): (vector: Float32Array) => void {
  const uniform = generator(seed);
  if (kind === 'noise') {
    const normal = normals(uniform);
    return (vector) => unit(vector.map(normal), vector);
  }
  const decay = unit(Float32Array.from({ length: WIDTH }, (_, j) => 1 / Math.sqrt(1 + j / 16)));
  // The same clusters for every seed: queries come from those of the vectors.
  const ofCentres = normals(generator(7));
  const centres = Array.from({ length: CLUSTERS }, () => unit(decay.map((scale) => scale * ofCentres())));
  let total = 0;
  const shares = centres.map((_, i) => (total += 1 / (i + 10)));
  const normal = normals(uniform);
  return (vector) => {
    const at = uniform() * total;
    const centre = centres[shares.findIndex((share) => share >= at)];
    unit(
      centre.map((value, j) => value + 0.8 * decay[j] * normal()),
      vector,
    );
  };
}

function unit(values: Float32Array, into = values): Float32Array {
  const length = Math.hypot(...values);
  for (let j = 0; j < values.length; j++) into[j] = values[j] / length;
  return into;
}

function normals(uniform: () => number): () => number {
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

/** Numbers in [0, 1): mulberry32. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
