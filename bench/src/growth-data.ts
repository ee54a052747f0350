/** Made-up videos of any number, the same for the same number: their texts, features and judgements. */
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createFeatureStore, stableId, wbdcLayout, writeAnnotations, writeLabels, type Video } from '@wbdc/data';
import { floats, foldIn, randomInt, randomKey, uniform, type Floats, type Key } from '@wbdc/nn';

/** Narrow features: a million videos fit on a small disk, and what is counted is videos, not their width. */
export const FRAMES = 8;
export const FEATURE_WIDTH = 16;
export const VECTOR_WIDTH = 32;
export const SPLIT = 'labeled';
const TAGS = 5000;
const CATEGORIES = 200;
/** Words of Latin letters: names, brands, numbers, the frequent ones far more often. */
const LATIN_WORDS = 100_000;

export const ABOUT =
  `videos with about 140 characters of 4,000 ideographs and 4 of ${LATIN_WORDS.toLocaleString('en-US')} Latin words, ` +
  `3 of ${TAGS.toLocaleString('en-US')} tags, one of ${CATEGORIES} categories, features of ${FRAMES} frames x ` +
  `${FEATURE_WIDTH}, vectors of ${VECTOR_WIDTH} values, and as many scored pairs`;

const key = randomKey(19);

export function idOf(i: number): string {
  return stableId(`video ${i}`);
}

/** The paths of a data set of some size below a folder. */
export function pathsOf(folder: string) {
  return {
    annotations: wbdcLayout(folder).annotations(SPLIT),
    store: join(folder, 'features.zip'),
    labels: join(folder, 'label.tsv'),
    index: join(folder, 'index'),
  };
}

export function videoOf(i: number): Video {
  const own = foldIn(key, i);
  const category = randomInt(own, 0, CATEGORIES);
  return {
    id: idOf(i),
    title: `${ideographs(own, 100, 20)} ${latin(own, 1)}`,
    asr: `${ideographs(own, 200, 40 + randomInt(own, 2, 80))} ${latin(own, 3)}`,
    ocr: [0, 1].map((time) => ({ time, text: `${ideographs(own, 400 + 50 * time, 20)} ${latin(own, 4 + time)}` })),
    categoryId: String(category).padStart(4, '0'),
    tags: [5, 6, 7].map((at) => `tag ${randomInt(own, at, TAGS)}`),
  };
}

function ideographs(own: Key, from: number, count: number): string {
  return String.fromCharCode(...Array.from({ length: count }, (_, k) => 0x4e00 + randomInt(own, from + k, 4000)));
}

/** The word of rank r about 1 / r times as often as the first. */
function latin(own: Key, at: number): string {
  return `w${Math.floor(Math.exp(uniform(own, 20 + at) * Math.log(LATIN_WORDS))).toString(36)}`;
}

export async function writeVideos(path: string, count: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeAnnotations(path, numbered(count, videoOf));
}

export async function writeFeatures(path: string, count: number): Promise<void> {
  const writer = await createFeatureStore(path, { width: FEATURE_WIDTH });
  for (let i = 0; i < count; i++) await writer.add(idOf(i), featuresOf(i));
  await writer.finish();
}

function featuresOf(i: number): Floats {
  const features = floats([FRAMES, FEATURE_WIDTH]); // [F, Dv]
  for (let k = 0; k < features.data.length; k++) features.data[k] = ((i * 31 + k * 17) % 1000) / 1000;
  return features;
}

export async function writePairs(path: string, count: number): Promise<void> {
  await writeLabels(
    path,
    numbered(count, (i) => {
      const own = foldIn(key, `pair ${i}`);
      const left = randomInt(own, 0, count);
      const right = (left + 1 + randomInt(own, 1, count - 1)) % count;
      return { id1: idOf(left), id2: idOf(right), score: randomInt(own, 2, 21) / 20 };
    }),
  );
}

/** A vector of a video `[Dv]`: random directions. */
export function vectorOf(i: number): Float32Array {
  const own = foldIn(key, `vector ${i}`);
  return Float32Array.from({ length: VECTOR_WIDTH }, (_, k) => uniform(own, k) - 0.5);
}

/** 256 bits of a video's pictures; every hundredth looks like the one before, but for three bits. */
export function fingerprintOf(i: number): Uint16Array {
  const alike = i % 100 === 1;
  const own = foldIn(key, `look ${alike ? i - 1 : i}`);
  const bits = Uint16Array.from({ length: 16 }, (_, k) => randomInt(own, k, 65_536));
  if (alike) for (const band of [2, 7, 11]) bits[band] ^= 1 << band;
  return bits;
}

export function* numbered<T>(count: number, of: (i: number) => T): Generator<T> {
  for (let i = 0; i < count; i++) yield of(i);
}
