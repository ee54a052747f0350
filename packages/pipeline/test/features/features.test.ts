import { mkdtemp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { clipVision } from '@wbdc/clip-model';
import { createFeatureStore, openFeatureStore, wbdcLayout, writeAnnotations, writeFrameZip } from '@wbdc/data';
import { randomKey } from '@wbdc/nn';
import { Tokenizer } from '@wbdc/tokenizer';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  computeFeatures,
  createExtractor,
  mergeFeatures,
  verifyFeatures,
  type ComputeFeaturesOptions,
  type FeatureExtractor,
} from '../../src/features/index.js';
import { rangeServer } from '../../../../tools/range-server.js';
import { openVideoSet } from '../../src/data/video-set.js';
import { framesSchema } from '../../src/settings/frames.js';
import { textSchema } from '../../src/settings/text.js';

const TOWER = { imageSize: 8, patchSize: 4, width: 6, layers: 1, heads: 2, intermediateSize: 5 };
const SETTINGS = { output: 'pooled', statistics: 'clip', resizer: 'pillow', sampling: { kind: 'all' } } as const;
const SPLITS = ['labeled', 'test_a'];
const VIDEOS = 7;

let folder: string;
let extractor: FeatureExtractor;
const root = (): string => join(folder, 'data');
const out = (name: string): string => join(folder, name);
const idOf = (s: number, i: number): string => `${s}${String(i).padStart(18, '0')}`;

beforeAll(async () => {
  await tf.setBackend('cpu');
  folder = await mkdtemp(join(tmpdir(), 'wbdc-pipeline-features-'));
  await mkdir(join(root(), 'annotations'), { recursive: true });
  for (const [s, split] of SPLITS.entries()) {
    const ids = Array.from({ length: VIDEOS }, (_, i) => idOf(s + 1, i));
    const records = ids.map((id) => ({ id, title: id, asr: '', ocr: [] }));
    await writeAnnotations(wbdcLayout(root()).annotations(split), records);
    for (const [i, id] of ids.entries()) {
      const frames = await Promise.all(Array.from({ length: 1 + (i % 3) }, (_, k) => picture(31 * i + 7 * k + s)));
      const files = frames.map((bytes, k) => ({ name: `${k}.png`, bytes }));
      await writeFrameZip(wbdcLayout(root()).frameZip(split, id), files);
    }
  }
  const tower = clipVision(TOWER);
  extractor = await createExtractor({ tower, params: tower.init(randomKey(3)) }, SETTINGS);
  await compute('whole');
});
afterAll(() => rm(folder, { recursive: true }));

function picture(seed: number): Promise<Buffer> {
  const background = { r: (53 * seed) % 256, g: (101 * seed) % 256, b: (197 * seed) % 256 };
  return sharp({ create: { width: 9, height: 8, channels: 3, background } })
    .png()
    .toBuffer();
}

async function compute(name: string, options: Partial<ComputeFeaturesOptions> = {}) {
  const folders = { root: root(), splits: SPLITS, out: out(name) };
  return collect(computeFeatures({ ...folders, extractor, decodeThreads: 1, batchSize: 4, ...options }));
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const stores = (name: string) => Promise.all(SPLITS.map((split) => readFile(join(out(name), `${split}.zip`))));

describe('features of a data set', () => {
  it('are stored split by split, and verified', async () => {
    const store = await openFeatureStore(join(out('whole'), 'labeled.zip'));
    expect([store.size, store.width, store.recipe]).toEqual([VIDEOS, 6, extractor.recipe]);
    expect((await store.read(idOf(1, 2))).shape).toEqual([3, 6]);
    await store.close();
    const verified = await collect(verifyFeatures({ root: root(), splits: SPLITS, out: out('whole') }));
    expect(verified.map(({ videos, frames, problems }) => [videos, frames, problems])).toEqual([
      [7, 13, []],
      [7, 13, []],
    ]);
  });

  it('lose nothing when the call is aborted: a resumed one gives the same bytes', async () => {
    const controller = new AbortController();
    const reported: string[] = [];
    const observer = {
      onProgress: ({ noun, done, ended }: { noun: string; done: number; ended?: boolean }) => {
        reported.push(`${noun} ${done}${ended ? ' ended' : ''}`);
        if (done === 2) controller.abort(new Error('enough'));
      },
    };
    const options = { batchSize: 1, signal: controller.signal, observer };
    await expect(compute('aborted', options)).rejects.toThrow('enough');
    expect(reported.slice(0, 2)).toEqual(['videos of labeled 1', 'videos of labeled 2']);
    expect(reported.at(-1)).toMatch(/^videos of labeled \d ended$/);
    await expect(stores('aborted')).rejects.toThrow('ENOENT');
    const messages: string[] = [];
    await compute('aborted', { resume: true, observer: { onMessage: (line) => messages.push(line) } });
    expect(messages[0]).toMatch(/^labeled: \d videos? of 7 there already$/);
    expect(await stores('aborted')).toEqual(await stores('whole'));
  });

  it('are the same of frames on a server, whose missing zips are those of their videos alone', async () => {
    await using server = await rangeServer();
    const zips = await readdir(join(root(), 'zip_frames'), { recursive: true });
    for (const name of zips.filter((name) => name.endsWith('.zip'))) {
      server.put(`set/zip_frames/${name}`, await readFile(join(root(), 'zip_frames', name)));
    }
    const frames = `${server.url}/set?signature=secret`;
    server.fail({ kind: 'drop', after: 0 });
    await compute('remote', { frames });
    expect(await stores('remote')).toEqual(await stores('whole'));
    server.remove(`set/zip_frames/labeled/${idOf(1, 2).slice(-3)}/${idOf(1, 2)}.zip`);
    const [{ videos, skipped }] = await compute('remote-missing', { frames, maxBadShare: 0.2 });
    expect([videos, skipped]).toEqual([6, 1]);
    const list = await readFile(join(out('remote-missing'), 'labeled.skipped.tsv'), 'utf8');
    expect(list).toMatch(/000002\.zip: expected a file, got 404 Not Found: check the address/);
    expect(list).not.toContain('secret');
  });

  it('may be computed in shards, which merge to the bytes of the whole', async () => {
    const shards = ['a', 'b', 'c'];
    const whole = { root: root(), splits: SPLITS, out: out('merged'), width: extractor.width };
    for (const [index, name] of shards.entries()) await compute(name, { shard: { index, count: shards.length } });
    const merge = (names: readonly string[]) => collect(mergeFeatures({ ...whole, shards: names.map(out) }));
    await expect(merge(['a', 'c'])).rejects.toMatchObject({
      code: 'shards-incomplete',
      where: 'labeled',
      got: expect.stringMatching(/^2 missing \(1\d+\.\.\.\) and 0 others$/),
    });
    expect((await merge(shards)).map(({ videos, skipped }) => [videos, skipped])).toEqual([
      [7, 0],
      [7, 0],
    ]);
    expect(await stores('merged')).toEqual(await stores('whole'));
  });

  it('are not taken for those of another recipe, nor for frames in the order of before', async () => {
    const { frameOrder, ...before } = extractor.recipe;
    expect(frameOrder).toBe('natural');
    const [id, path] = [idOf(1, 0), join(out('before'), 'labeled.zip')];
    await mkdir(out('before'));
    const whole = await openFeatureStore(join(out('whole'), 'labeled.zip'));
    const store = await createFeatureStore(path, { width: 6, recipe: before });
    await store.add(id, await whole.read(id));
    await store.finish();
    await whole.close();
    await expect(compute('before', { resume: true })).rejects.toThrow('frameOrder: expected "natural", got nothing');
    const annotations = wbdcLayout(root()).annotations('labeled');
    const opening = openVideoSet({
      splits: [{ name: 'labeled', annotations, openFeatures: () => openFeatureStore(path) }],
      tokenizer: Tokenizer.fromVocab(['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]']),
      text: textSchema.parse({}),
      frames: framesSchema.parse({}),
      tags: [],
    });
    await expect(opening).rejects.toMatchObject({ code: 'feature-order', where: 'the features of labeled' });
  });

  it('leave out videos that cannot be read, up to a share', async () => {
    const path = wbdcLayout(root()).frameZip('labeled', idOf(1, 3));
    const bytes = await readFile(path);
    await writeFile(path, 'no zip');
    try {
      await expect(compute('bad', { splits: ['labeled'] })).rejects.toThrow(/at most 0\.1 % bad videos, got 1 of 7/);
      const [labeled] = await compute('bad', { splits: ['labeled'], resume: true, maxBadShare: 0.2 });
      expect(labeled).toMatchObject({ videos: 6, skipped: 1, listed: 7 });
      expect(await readFile(join(out('bad'), 'labeled.skipped.tsv'), 'utf8')).toMatch(
        new RegExp(`^${idOf(1, 3)}\t.*expected a zip of pictures, got something else`),
      );
    } finally {
      await writeFile(path, bytes);
    }
  });

  it('are those a tower has: none in a shared space without a projection', async () => {
    await expect(createExtractor(extractor, { ...SETTINGS, output: 'projected' })).rejects.toThrow(
      'features.output: expected pooled for a tower without a projection, got projected',
    );
  });
});
