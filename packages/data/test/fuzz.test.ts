import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomInt, randomKey, foldIn, type Key } from '@wbdc/nn';
import { beforeAll, describe, expect, it } from 'vitest';
import { createFeatureStore, DataError, decodeNpy, encodeNpy, openAiacFiles, openFeatureStore, readAiacVideos, readAnnotations,
  readLabels, readTagList, writeAnnotations, type FeatureSource } from '../src/index.js'; // prettier-ignore
import { collect, fixture, testFolder } from './folder.js';

/** Mutated files a format; the full run is WBDC_FUZZ=10000. */
const RUNS = Number(process.env['WBDC_FUZZ'] ?? 60);
const folder = testFolder();
const path = join(folder, 'mutated');
const originals = new Map<string, Buffer>();

/** What damage looks like: bits turned, bytes overwritten with extremes, pieces cut out, doubled or cut off. */
function mutate(original: Buffer, key: Key): Buffer {
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

async function readAll(source: FeatureSource, ids: readonly string[]): Promise<void> {
  try {
    for (const id of ids) await source.read(id).catch(expectDataError);
  } finally {
    await source.close();
  }
}

let refused = 0;

function expectDataError(error: unknown): void {
  if (!(error instanceof DataError)) throw new Error('expected a DataError', { cause: error });
  refused++;
}

const skip = { onBad: expectDataError };
const readers: Record<string, () => Promise<unknown>> = {
  'annotations.json': () => collect(readAnnotations(path, skip)),
  'features.zip': async () => {
    const store = await openFeatureStore(path);
    await readAll(store, [...store.ids]);
  },
  'pointwise.tfrecords': async () => {
    await collect(readAiacVideos(path, { width: 5, ...skip })).catch(expectDataError);
    const files = await openAiacFiles([path], { width: 5, ...skip });
    const ids = await collect(files.videos()).then((videos) => videos.map((video) => video.id), () => []); // prettier-ignore
    await readAll(files, ids);
  },
  'pointwise.tfrecords.gz': () => collect(readAiacVideos(path, { width: 5, ...skip })),
  'array.npy': async () => decodeNpy(readFileSync(path), path),
  'label.tsv': () => readLabels(path, skip),
  'tag_list.txt': () => readTagList(path),
};

beforeAll(async () => {
  const videos = Array.from({ length: 5 }, (_, i) => ({
    id: `${10n ** 19n + BigInt(i)}`, title: '标题"\\', asr: 'x', ocr: [{ time: i, text: '字幕' }], categoryId: '0101', tags: ['a'],
  })); // prettier-ignore
  await writeAnnotations(join(folder, 'annotations.json'), videos);
  const store = await createFeatureStore(join(folder, 'features.zip'), { width: 3, recipe: { model: 'a' } });
  for (const { id } of videos) await store.add(id, { data: new Float32Array(6), shape: [2, 3] });
  await store.finish();
  for (const name of ['annotations.json', 'features.zip']) originals.set(name, readFileSync(join(folder, name)));
  for (const name of ['pointwise.tfrecords', 'pointwise.tfrecords.gz'])
    originals.set(name, readFileSync(fixture(name)));
  originals.set('array.npy', Buffer.from(encodeNpy({ data: new Float32Array(21), shape: [3, 7] }, 'float16')));
  originals.set('label.tsv', Buffer.from('1234567890123456789\t1234567890123456780\t0.35\n'.repeat(9)));
  originals.set('tag_list.txt', Buffer.from('1056\n33\n美食\n'));
});

describe.each(Object.keys(readers))('damaged %s', (name) => {
  it('is read or refused by a DataError, quickly', async () => {
    const heap = process.memoryUsage().rss;
    refused = 0;
    for (let run = 0; run < RUNS; run++) {
      writeFileSync(path, mutate(originals.get(name)!, foldIn(randomKey(run), name)));
      const start = performance.now();
      await readers[name]().catch(expectDataError);
      expect(performance.now() - start, `run ${run}`).toBeLessThan(10_000);
    }
    expect(refused).toBeGreaterThan(0);
    expect(process.memoryUsage().rss - heap).toBeLessThan(300 << 20);
  }, 600_000);
});
