import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { FUZZ_RUNS, fuzz } from '../../../tools/fuzz.js';
import {
  createFeatureStore,
  DataError,
  decodeNpy,
  encodeNpy,
  openAiacFiles,
  openAiacIndex,
  openFeatureStore,
  readAiacVideos,
  readAnnotations,
  readLabels,
  readTagList,
  writeAnnotations,
  type FeatureSource,
} from '../src/index.js';
import { collect, fixture, testFolder } from './folder.js';

const folder = testFolder();
const path = join(folder, 'mutated');
const originals = new Map<string, Buffer>();

type OnBad = (error: unknown) => void;

async function readAll(source: FeatureSource, ids: readonly string[], onBad: OnBad): Promise<void> {
  try {
    for (const id of ids) await source.read(id).catch(onBad);
  } finally {
    await source.close();
  }
}

const readers: Record<string, (onBad: OnBad) => Promise<unknown>> = {
  'annotations.json': (onBad) => collect(readAnnotations(path, { onBad })),
  'features.zip': async (onBad) => {
    const store = await openFeatureStore(path);
    await readAll(store, [...store.ids], onBad);
  },
  'pointwise.tfrecords': async (onBad) => {
    await collect(readAiacVideos(path, { width: 5, onBad })).catch(onBad);
    const files = await openAiacFiles([path], { width: 5, onBad });
    const ids = await collect(files.videos()).then(
      (videos) => videos.map((video) => video.id),
      () => [],
    );
    await readAll(files, ids, onBad);
  },
  'pointwise.tfrecords.gz': (onBad) => collect(readAiacVideos(path, { width: 5, onBad })),
  'pointwise.index': async (onBad) => readAll(await openAiacIndex(path), ['1000000000000000000'], onBad),
  'array.npy': async () => decodeNpy(readFileSync(path), path),
  'label.tsv': (onBad) => readLabels(path, { onBad }),
  'tag_list.txt': () => readTagList(path),
};

beforeAll(async () => {
  const videos = Array.from({ length: 5 }, (_, i) => ({
    id: `${10n ** 19n + BigInt(i)}`,
    title: '标题"\\',
    asr: 'x',
    ocr: [{ time: i, text: '字幕' }],
    categoryId: '0101',
    tags: ['a'],
  }));
  await writeAnnotations(join(folder, 'annotations.json'), videos);
  const store = await createFeatureStore(join(folder, 'features.zip'), { width: 3, recipe: { model: 'a' } });
  for (const { id } of videos) await store.add(id, { data: new Float32Array(6), shape: [2, 3] });
  await store.finish();
  const files = await openAiacFiles([fixture('pointwise.tfrecords')], { width: 5 });
  await collect(files.videos());
  await files.saveIndex(join(folder, 'pointwise.index'));
  await files.close();
  for (const name of ['annotations.json', 'features.zip', 'pointwise.index'])
    originals.set(name, readFileSync(join(folder, name)));
  for (const name of ['pointwise.tfrecords', 'pointwise.tfrecords.gz'])
    originals.set(name, readFileSync(fixture(name)));
  originals.set('array.npy', Buffer.from(encodeNpy({ data: new Float32Array(21), shape: [3, 7] }, 'float16')));
  originals.set('label.tsv', Buffer.from('1234567890123456789\t1234567890123456780\t0.35\n'.repeat(9)));
  originals.set('tag_list.txt', Buffer.from('1056\n33\n美食\n'));
});

it.each(Object.keys(readers))(
  '%s, damaged, is read or refused by a DataError, quickly',
  async (name) => {
    const read = (bytes: Buffer, onBad: OnBad): Promise<unknown> => {
      writeFileSync(path, bytes);
      return readers[name](onBad);
    };
    const refused = await fuzz({ name, original: originals.get(name)!, read, errors: [DataError] });
    expect(refused).toBeGreaterThan(FUZZ_RUNS / 20);
  },
  3_600_000,
);
