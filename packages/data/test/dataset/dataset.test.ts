import { join } from 'node:path';
import { floats, randomKey } from '@wbdc/nn';
import { Tokenizer, WBDC_LAYOUT } from '@wbdc/tokenizer';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  corpusStatistics,
  createFeatureStore,
  DataError,
  openDataset,
  openFeatureStore,
  readAnnotations,
  readBatch,
  SkipCounter,
  subsetOf,
  textsOf,
  writeAnnotations,
  type DatasetOptions,
  type FeatureSource,
  type TagCount,
  type Video,
} from '../../src/index.js';
import { testFolder } from '../folder.js';

const folder = testFolder();
const tokenizer = Tokenizer.fromVocab(['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', ...'甲乙丙丁戊']);
const [CLS, SEP] = [2, 3];
const video = (id: string, title: string, more: Partial<Video> = {}): Video => ({
  id,
  title,
  asr: '',
  ocr: [],
  ...more,
});
const videos: Video[] = [
  video('100', '甲乙', { tags: ['x', 'y'], categoryId: '0905' }),
  video('101', '丙', {
    asr: '丁',
    ocr: [
      { time: 5, text: '乙' },
      { time: 2, text: '甲' },
    ],
    tags: ['q'],
  }),
  video('102', '', { tags: ['y'], group: '100' }),
];
let features: FeatureSource;

beforeAll(async () => {
  const path = join(folder, 'features.zip');
  const writer = await createFeatureStore(path, { width: 2 });
  for (const [i, frames] of [3, 7, 1].entries()) {
    await writer.add(
      `10${i}`,
      floats(
        [frames, 2],
        Float32Array.from({ length: 2 * frames }, (_, k) => 100 * i + k),
      ),
    );
  }
  await writer.finish();
  features = await openFeatureStore(path);
  return () => features.close();
});

const open = (options: Partial<DatasetOptions> = {}) =>
  openDataset({ videos, features, tokenizer, layout: WBDC_LAYOUT, tags: ['y', 'x', 'z'], maxFrames: 5, ...options });

describe('openDataset', () => {
  it('joins texts, tags and frames, from a file too', async () => {
    await writeAnnotations(join(folder, 'a.json'), videos);
    const dataset = await open({ videos: readAnnotations(join(folder, 'a.json')) });
    expect(dataset).toMatchObject({ size: 3, vocabSize: 10, tagCount: 3 });
    expect([...dataset.lengths]).toEqual([6, 8, 4]);
    expect(dataset.text(0)).toMatchObject({ id: '100', tags: [0, 1], categoryId: '0905' });
    expect([0, 2].map((i) => dataset.text(i).group)).toEqual([undefined, '100']);
    const { tokens, segments, spans, categoryId } = dataset.text(1);
    expect([...Array.from(tokens)]).toEqual([CLS, 7, SEP, 5, 6, SEP, 8, SEP]);
    expect(segments).toHaveLength(8);
    expect(spans).toEqual([
      { field: 'title', start: 1, end: 2 },
      { field: 'ocr', start: 3, end: 5 },
      { field: 'asr', start: 6, end: 7 },
    ]);
    expect(categoryId).toBeUndefined();
    expect((await dataset.example(0)).frames).toEqual(floats([3, 2], Float32Array.of(0, 1, 2, 3, 4, 5)));
  });

  it('takes an even stride in evaluation and a keyed subset in training', async () => {
    const dataset = await open();
    const first = async (key?: ReturnType<typeof randomKey>): Promise<number[]> => {
      const { frames } = await dataset.example(1, key);
      expect(frames.shape).toEqual([5, 2]);
      return [0, 2, 4, 6, 8].map((at) => (frames.data[at] - 100) / 2);
    };
    expect(await first()).toEqual([0, 1, 2, 4, 5]);
    expect(await first(randomKey(1))).toEqual(await first(randomKey(1)));
    const drawn = await Promise.all(Array.from({ length: 30 }, (_, seed) => first(randomKey(seed))));
    expect(new Set(drawn.map(String)).size).toBeGreaterThan(5);
  });

  it('pads a batch to its own longest rows', async () => {
    const dataset = await open();
    const batch = await readBatch(dataset, [2, 0]);
    expect(batch.ids).toEqual(['102', '100']);
    expect(batch.tokens).toEqual({
      data: Int32Array.of(CLS, SEP, SEP, SEP, 0, 0, CLS, 5, 6, SEP, SEP, SEP),
      shape: [2, 6],
    });
    expect([...batch.textMask.data]).toEqual([1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1]);
    expect(batch.frames).toEqual({ data: Float32Array.of(200, 201, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5), shape: [2, 3, 2] });
    expect([...batch.frameMask.data]).toEqual([1, 0, 0, 1, 1, 1]);
    expect(batch.tags).toEqual([[0], [0, 1]]);
    expect(batch.spans[1]).toHaveLength(3);
  });

  it('has subsets, which are data sets of their own', async () => {
    const dataset = await open();
    const some = subsetOf(dataset, Int32Array.of(2, 0));
    expect(some).toMatchObject({ size: 2, frameSize: 2, tags: dataset.tags });
    expect([some.id(0), some.text(1).id, some.length(1)]).toEqual(['102', '100', dataset.length(0)]);
    expect([...some.lengths]).toEqual([2, 0].map((i) => dataset.length(i)));
    expect(await some.example(1, randomKey(1))).toEqual(await dataset.example(0, randomKey(1)));
    expect(await readBatch(some, [1, 0])).toEqual(await readBatch(dataset, [0, 2]));
    expect(corpusStatistics(some)).toMatchObject({ videos: 2, taggedVideos: 2 });
    expect(some.share()).toBeUndefined();
    expect(() => subsetOf(dataset, Int32Array.of(0, 3))).toThrow('expected indices below 3, got 3');
  });

  it('counts tokens and tags', async () => {
    const { tokenCounts, tagCounts, videos: count } = corpusStatistics(await open());
    expect([...tokenCounts]).toEqual([0, 0, 3, 9, 0, 2, 2, 1, 1, 0]);
    expect([...tagCounts]).toEqual([2, 1, 0]);
    expect(count).toBe(3);
  });

  it('takes the frames of evaluation in training too, where asked', async () => {
    const dataset = await open({ randomFrames: false, stride: () => Int32Array.of(6) });
    expect((await dataset.example(1, randomKey(1))).frames).toEqual(floats([1, 2], Float32Array.of(112, 113)));
  });

  it('gives untagged videos no tags, and none at all without a list', async () => {
    const dataset = await open({ videos: [video('100', '甲'), videos[1]] });
    expect(corpusStatistics(dataset).taggedVideos).toBe(1);
    expect((await readBatch(dataset, [0])).tags).toEqual([[]]);
    const without = await openDataset({ videos, features, tokenizer, layout: WBDC_LAYOUT });
    expect((await readBatch(without, [0, 1])).tags).toBeUndefined();
  });

  it('chooses the tags after one reading of the videos', async () => {
    let reads = 0;
    async function* once(): AsyncGenerator<Video> {
      reads++;
      yield* videos;
    }
    let counts: readonly TagCount[] = [];
    const dataset = await open({ videos: once(), tags: (all) => ((counts = all), ['z', 'x', 'y']) });
    expect([reads, counts]).toEqual([
      1,
      [
        { tag: 'y', count: 2 },
        { tag: 'q', count: 1 },
        { tag: 'x', count: 1 },
      ],
    ]);
    expect([0, 1, 2].map((i) => dataset.text(i).tags)).toEqual([[1, 2], [], [2]]);
    expect(dataset).toMatchObject({ tags: ['z', 'x', 'y'], tagCount: 3 });
  });
});

describe('bad videos', () => {
  const lone = video('999', '甲');

  it('are an error above the threshold', async () => {
    await expect(open({ videos: [...videos, lone] })).rejects.toThrow(
      /at most 0\.1 % bad videos, got 1 of 4[^]*features of video 999/,
    );
    await expect(open({ videos: [...videos, videos[0]], skipped: new SkipCounter('videos', 0) })).rejects.toThrow(
      /video 100 twice/,
    );
  });

  it('are dropped or kept without frames, and counted', async () => {
    const dropped = await open({ videos: [...videos, lone, videos[0]], skipped: new SkipCounter('videos', 0.5) });
    expect([dropped.size, dropped.skipped.count]).toEqual([3, 2]);
    const kept = await open({ videos: [...videos, lone], missing: 'mask', skipped: new SkipCounter('videos', 0.5) });
    expect([kept.size, kept.skipped.count]).toEqual([4, 1]);
    const batch = await readBatch(kept, [3]);
    expect(batch.frames).toEqual(floats([1, 1, 2]));
    expect([...batch.frameMask.data]).toEqual([0]);
  });

  it('count once when their features cannot be read', async () => {
    const broken: FeatureSource = {
      width: 2,
      size: 3,
      has: () => true,
      read: (id) => (id === '101' ? Promise.reject(new DataError('101: damaged')) : features.read(id)),
      close: () => Promise.resolve(),
    };
    const dataset = await open({ features: broken, skipped: new SkipCounter('videos', 0.5) });
    for (let i = 0; i < 3; i++) expect((await dataset.example(1)).frames.shape).toEqual([0, 2]);
    expect(dataset.skipped).toMatchObject({ count: 1, examples: ['101: damaged'] });
    const strict = await open({ features: broken });
    await expect(strict.example(1)).rejects.toThrow(/101: damaged/);
  });

  it('are no reason to go on when all are bad', async () => {
    await expect(open({ videos: [lone], skipped: new SkipCounter('videos', 1) })).rejects.toThrow(/at least one video/);
  });
});

it('orders OCR lines by time', () => {
  expect(textsOf(videos[1])).toEqual({ title: '丙', asr: '丁', ocr: '甲 乙' });
});
