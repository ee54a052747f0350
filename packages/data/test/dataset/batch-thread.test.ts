import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { floats, foldIn, randomKey } from '@wbdc/nn';
import { Tokenizer, WBDC_LAYOUT } from '@wbdc/tokenizer';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  aiacStride,
  createFeatureStore,
  joinSources,
  openAiacFiles,
  openDataset,
  openFeatureStore,
  readBatch,
  SkipCounter,
  writeAiacVideos,
  type Dataset,
  type DatasetOptions,
  type FeatureSource,
  type Video,
} from '../../src/index.js';
import { rangeServer } from '../../../../tools/range-server.js';
import { testFolder } from '../folder.js';

const folder = testFolder();
const WIDTH = 5;
const tokenizer = Tokenizer.fromVocab(['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', ...'甲乙丙丁戊']);
const frames = (i: number, count: number) =>
  floats(
    [count, WIDTH],
    Float32Array.from({ length: count * WIDTH }, (_, k) => i + k / 8),
  );
const videos = Array.from({ length: 11 }, (_, i): Video => ({
  id: `10000000000000000${10 + i}`,
  title: '甲乙丙丁戊'.slice(i % 5),
  asr: i % 3 === 0 ? '丁' : '',
  ocr: i % 2 === 0 ? [] : [{ time: 1, text: '乙' }],
  ...(i < 9 && { tags: i % 2 === 0 ? ['7', '3'] : [] }),
  categoryId: `0${i % 3}0${i % 2}`,
  ...(i % 4 === 1 && { group: `作者${i % 8}` }),
}));

async function writeStore(name: string, part: readonly Video[]): Promise<string> {
  const path = join(folder, name);
  const writer = await createFeatureStore(path, { width: WIDTH, recipe: { model: 'm' } });
  for (const [i, { id }] of part.entries()) await writer.add(id, frames(i, 1 + 3 * i));
  await writer.finish();
  return path;
}

const opened: { close(): Promise<unknown> | undefined }[] = [];
afterEach(() => Promise.all(opened.splice(0).map((one) => one.close())));
/** A data set with a thread. */
const open = async (features: FeatureSource, options: Partial<DatasetOptions> = {}): Promise<Dataset> => {
  const common = { videos, features, tokenizer, layout: WBDC_LAYOUT, tags: ['3', '7'], maxFrames: 6, thread: true };
  const dataset = await openDataset({ ...common, ...options });
  opened.push(features, dataset);
  return dataset;
};
const server = await rangeServer();
afterAll(() => server[Symbol.asyncDispose]());
let stores: string[];
beforeAll(async () => {
  stores = [await writeStore('a.zip', videos.slice(0, 4)), await writeStore('b.zip', videos.slice(4))];
});

/** A data set in each format, and features in several files. */
const FORMATS: Record<string, (thread: boolean) => Promise<Dataset>> = {
  'a feature store': async (thread) => {
    const features = await openFeatureStore(stores[1]);
    return open(features, { videos: videos.slice(4), thread });
  },
  'several feature stores': async (thread) =>
    open(joinSources(await Promise.all(stores.map((path) => openFeatureStore(path)))), { thread }),
  'a feature store on a server that drops connections': async (thread) => {
    server.put('b.zip', await readFile(stores[1]));
    const features = await openFeatureStore(`${server.url}/b.zip`);
    server.fail({ kind: 'drop', after: 100 }, { kind: 'status', status: 503 }, { kind: 'drop', after: 0 });
    return open(features, { videos: videos.slice(4), thread });
  },
  TFRecords: async (thread) => {
    const path = join(folder, 'videos.tfrecords');
    await writeAiacVideos(
      path,
      videos.map((video, i) => ({ ...video, frames: frames(i, 1 + 3 * i) })),
    );
    const files = await openAiacFiles([path], { width: WIDTH });
    return open(files, { videos: files.videos(), stride: aiacStride, thread });
  },
};

describe.each(Object.entries(FORMATS))('batches of %s from a thread', (_name, make) => {
  it('are those of this thread, to the bit', async () => {
    const [dataset, own] = [await make(true), await make(false)];
    const asked = Array.from({ length: 8 }, (_, step) => {
      const indices = [step % dataset.size, (3 * step + 1) % dataset.size];
      return { indices, key: step < 2 ? undefined : foldIn(randomKey(5), step) };
    });
    const batches = await Promise.all(asked.map(({ indices, key }) => readBatch(dataset, indices, key)));
    expect(batches).toEqual(await Promise.all(asked.map(({ indices, key }) => readBatch(own, indices, key))));
    expect(Math.max(...batches.map(({ frames: { shape } }) => shape[1]))).toBe(6);
  });
});

describe('a data set with a thread', () => {
  it('counts videos whose features cannot be read, and stops above the threshold', async () => {
    const path = await writeStore('damaged.zip', videos);
    const bytes = await readFile(path);
    bytes[bytes.indexOf(`${videos[2].id}.npy`) + 160] ^= 1; // behind its header: a value
    await writeFile(path, bytes);
    const features = await openFeatureStore(path);
    const [lenient, strict] = [await open(features, { skipped: new SkipCounter('videos', 0.5) }), await open(features)];
    for (let time = 0; time < 2; time++) expect([...(await lenient.batch([2])).frameMask.data]).toEqual([0]);
    expect(lenient.skipped).toMatchObject({ count: 1 });
    expect(lenient.skipped.examples[0]).toContain(`damaged.zip: ${videos[2].id}: expected`);
    await expect(strict.batch([2])).rejects.toThrow(/at most 0\.1 % bad videos, got 1 of 12[^]*damaged\.zip/);
  });

  it('names the file that is no longer there', async () => {
    const dataset = await open(await openFeatureStore(await writeStore('lost.zip', videos)));
    await rm(join(folder, 'lost.zip'));
    await expect(dataset.batch([0])).rejects.toThrow(/lost\.zip: no such file/);
  });

  it('refuses a store on a server that is another one by now', async () => {
    server.put('changed.zip', await readFile(stores[0]));
    const features = await openFeatureStore(`${server.url}/changed.zip`);
    server.put('changed.zip', await readFile(stores[1]));
    const dataset = await open(features, { videos: videos.slice(0, 4) });
    await expect(dataset.batch([0])).rejects.toThrow(/changed\.zip: expected the file that was opened, got 412/);
  });

  it('reads on this thread what cannot be shared', async () => {
    const memory: FeatureSource = {
      ...{ width: WIDTH, size: 11, has: () => true, close: () => Promise.resolve() },
      read: () => Promise.resolve(frames(1, 2)),
    };
    const dataset = await open(memory);
    expect(dataset.share()).toBeUndefined();
    expect((await dataset.batch([1, 2])).frames.shape).toEqual([2, 2, WIDTH]);
    const store = await openFeatureStore(stores[0]);
    expect((await open(joinSources([store, memory]))).share()).toBeUndefined();
    const own = await open(store, { videos: videos.slice(0, 4), stride: (_count, limit) => new Int32Array(limit) });
    expect(own.share()).toBeUndefined();
  });

  it('rejects what is in hand when it is closed', async () => {
    const dataset = await open(await openFeatureStore(stores[1]), { videos: videos.slice(4) });
    const waiting = dataset.batch([0]);
    await Promise.all([expect(waiting).rejects.toThrow('the thread that reads batches ended'), dataset.close()]);
    await expect(dataset.batch([0])).rejects.toThrow('the thread that reads batches ended');
  });
});

describe('joinSources', () => {
  it('finds an id in whichever has it, and refuses different widths', async () => {
    const sources = await Promise.all(stores.map((path) => openFeatureStore(path)));
    opened.push(...sources);
    const joined = joinSources(sources);
    expect([joined.size, joined.width, joined.has(videos[9].id), joined.has('nobody')]).toEqual([
      11,
      WIDTH,
      true,
      false,
    ]);
    expect((await joined.read(videos[1].id)).shape).toEqual([4, WIDTH]);
    expect((await joined.read(videos[5].id)).shape).toEqual([4, WIDTH]);
    await expect(joined.read('nobody')).rejects.toThrow('expected features of video nobody');
    expect(() => joinSources([{ ...sources[0], width: 7 }, sources[1]])).toThrow('width 7 everywhere, got 5 too');
  });
});
