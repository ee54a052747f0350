import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { loadParams } from '@wbdc/train/node';
import { categoryModel } from '@wbdc/finetune';
import { disposeTree, randomKey } from '@wbdc/nn';
import { clipVision } from '@wbdc/clip-model';
import { extractFeatures, hashParameters, readFrameZip } from '@wbdc/video-features';
import * as tf from '@tensorflow/tfjs';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rangeServer } from '../../../../tools/range-server.js';
import { distance } from '../../../../tools/testing.js';
import { encoderOf, openTrained, type Category, type TrainedInput, type TrainedModel } from '../../src/index.node.js';
import { readSavedModel } from '../../src/node.js';
import { OLD, TEXTS, TOWER, VIDEO, expectedLine, scratchFolder, videoBytes, videoFrames } from './fixtures.js';

let model: TrainedModel;
let folder: string;
const before = { tensors: 0 };
beforeAll(async () => {
  await tf.setBackend('cpu');
  folder = await scratchFolder();
  before.tensors = tf.memory().numTensors;
  model = await openTrained(join(OLD, 'similarity'), { tower: TOWER });
});
afterAll(async () => {
  await model.close();
  expect(tf.memory().numTensors).toBe(before.tensors);
});

const embedding = async (input: TrainedInput): Promise<Float32Array> => (await model.embed([input]))[0].embedding;

interface Line {
  readonly category: string;
  readonly name: string;
  readonly probability: number;
  readonly level1: { readonly category: string; readonly name: string; readonly probability: number };
  readonly top: readonly Omit<Line, 'level1' | 'top'>[];
}

describe('a model of 0.1.0', () => {
  it('embeds as that version did', async () => {
    const {
      id,
      model: hash,
      embedding: expected,
    } = expectedLine<{ id: string; model: string; embedding: number[] }>('embed');
    const [row] = await model.embed([{ video: VIDEO, ...TEXTS }]);
    expect([row.id, row.model, model.hash]).toEqual([id, hash, hash]);
    expect(distance(row.embedding, expected)).toBeLessThan(1e-6);
  });

  it('classifies as that version did, with names', async () => {
    await using classifier = await openTrained(join(OLD, 'category'), { tower: TOWER });
    const { top, level1, ...best } = expectedLine<Line>('predict');
    const [{ categories }] = await classifier.classify([{ video: VIDEO, ...TEXTS }]);
    expect(categories).toHaveLength(classifier.classes.length);
    const rounded = ({ level1: _group, probability, ...rest }: Category) => ({
      ...rest,
      probability: Number(probability.toPrecision(6)),
    });
    expect(categories.slice(0, top.length).map(rounded)).toEqual(top);
    expect(rounded(categories[0])).toMatchObject({ category: best.category, probability: best.probability });
    const { probability, ...group } = level1;
    expect(categories[0].level1).toMatchObject(group);
    expect(categories[0].level1.probability).toBeCloseTo(probability, 6);
    for (const top of [-1, 0, NaN, 1.5]) {
      expect(() => classifier.classify([], { top })).toThrow(`top: expected a whole number from 1 up, got ${top}`);
    }
    const [{ categories: few }] = await classifier.classify([{ video: VIDEO, ...TEXTS }], { top: 2 });
    expect(few).toEqual(categories.slice(0, 2));
  });

  it('of pretraining gives tags', async () => {
    await using tagger = await openTrained(join(OLD, 'pretrained'), { tower: TOWER });
    const [{ tags }] = await tagger.tag([{ video: VIDEO, ...TEXTS }]);
    expect(tags.map(({ tag }) => tag).sort()).toEqual([...tagger.tags].sort());
    const probabilities = tags.map(({ probability }) => probability);
    expect(probabilities).toEqual([...probabilities].sort((a, b) => b - a));
    expect(probabilities.every((value) => value > 0.005 && value < 0.02)).toBe(true); // it starts at 0.01
    const [{ tags: few }] = await tagger.tag([{ video: VIDEO, ...TEXTS }], { top: 3 });
    expect(few).toEqual(tags.slice(0, 3));
  });

  it('is read into the tree that drawing and loading gives', async () => {
    const saved = await readSavedModel(join(OLD, 'category'));
    if (saved.kind !== 'category') throw new Error('expected the category model');
    await using classifier = await openTrained(join(OLD, 'category'));
    const encoder = encoderOf({ model: saved.sizes, frames: saved.frames }, 86, 8);
    const params = categoryModel(encoder, saved.head).init(randomKey(0));
    await loadParams(join(OLD, 'category', 'model.safetensors'), params);
    expect(classifier.hash).toBe((await hashParameters(params)).slice(0, 16));
    disposeTree(params);
  });
});

describe('the same video in any form', () => {
  let expected: Float32Array;
  beforeAll(async () => void (expected = await embedding({ video: VIDEO, ...TEXTS })));
  const same = async (input: TrainedInput): Promise<void> =>
    expect(distance(await embedding({ ...TEXTS, ...input }), expected)).toBeLessThan(1e-6);

  it('a file address, and bytes of a zip', async () => {
    await same({ video: pathToFileURL(VIDEO) });
    await same({ video: videoBytes() });
    await same({ video: new Uint8Array(videoBytes()).buffer });
  });

  it('a zip on a server, where the caller says that files may be read from one', async () => {
    await using server = await rangeServer();
    server.put('videos/cat.zip', videoBytes());
    const video = `${server.url}/videos/cat.zip`;
    expect(await model.embed([{ ...TEXTS, video }])).toEqual([]); // told and left out
    await using reading = await openTrained(join(OLD, 'similarity'), { tower: TOWER, remote: {} });
    for (const form of [video, new URL(video)]) {
      const [{ id, embedding: far }] = await reading.embed([{ ...TEXTS, video: form }]);
      expect([id, distance(far, expected)]).toEqual(['cat', 0]);
    }
  });

  it('a folder of pictures', async () => {
    const path = join(folder, 'pictures');
    await mkdir(path);
    for (const { name, bytes } of await readFrameZip(VIDEO)) await writeFile(join(path, name), bytes);
    await same({ video: path });
  });

  it.each(['gif', 'webp'] as const)('an animated %s, from its path and its bytes', async (format) => {
    const frames = await videoFrames();
    const pages = frames.map(({ data, width, height }) => sharp(data, { raw: { width, height, channels: 3 } }).png());
    const roll = sharp(await Promise.all(pages.map((page) => page.toBuffer())), { join: { animated: true } });
    const bytes = await (format === 'gif' ? roll.gif() : roll.webp({ lossless: true })).toBuffer();
    await writeFile(join(folder, `animation.${format}`), bytes);
    const fromFile = await embedding({ ...TEXTS, video: join(folder, `animation.${format}`) });
    expect(distance(await embedding({ ...TEXTS, video: bytes }), fromFile)).toBe(0);
    expect(distance(fromFile, expected)).toBeLessThan(format === 'gif' ? 0.2 : 1e-6); // a GIF has 256 colours
  });

  it('frames that are decoded, as RGB and as RGBA', async () => {
    const frames = await videoFrames();
    await same({ frames });
    const rgba = frames.map(({ width, height, data }) => {
      const pixels = new Uint8ClampedArray(4 * width * height).fill(255);
      for (let i = 0; i < width * height; i++) pixels.set(data.subarray(3 * i, 3 * i + 3), 4 * i);
      return { width, height, data: pixels };
    });
    await same({ frames: rgba });
  });

  it('features of its frames, as a table and row by row', async () => {
    const clip = await readSavedModel(TOWER);
    if (clip.kind !== 'clip') throw new Error('expected the CLIP');
    const tower = clipVision(clip.vision);
    const params = tower.init(randomKey(0));
    await loadParams(join(TOWER, 'model.safetensors'), params, 'vision.');
    const options = { tower, params, videos: [{ id: 'video', path: VIDEO }], sampling: { kind: 'all' } as const };
    for await (const { features } of extractFeatures(options)) {
      await same({ features });
      const [count, width] = features.shape;
      const rows = Array.from({ length: count }, (_, i) => [...features.data.subarray(i * width, (i + 1) * width)]);
      await same({ features: rows });
    }
    disposeTree(params);
  });

  it('with its OCR line by line', async () => {
    const ocr = [
      { time: 2, text: '寄包裹' },
      { time: 1, text: '包裹' },
    ];
    await same({ video: VIDEO, ocr });
  });
});

describe('what a row depends on', () => {
  it('texts and frames, not the batch', async () => {
    const inputs = [
      { video: VIDEO, ...TEXTS },
      { video: VIDEO },
      { video: VIDEO, title: '猫', asr: '叫' },
      { features: [] as number[][], ...TEXTS },
    ];
    const alone = await Promise.all(inputs.map((input) => embedding(input)));
    for (const batchSize of [1, 3, 16]) {
      const rows = await model.embed(inputs, { batchSize });
      rows.forEach((row, i) => expect(distance(row.embedding, alone[i])).toBeLessThan(1e-6));
    }
    for (const [i, row] of alone.entries()) {
      for (const other of alone.slice(i + 1)) expect(distance(row, other)).toBeGreaterThan(1e-4);
    }
  });

  it('features that are no numbers give no row, and the others theirs', async () => {
    const features = [Array.from({ length: 8 }, (_, i) => (i === 3 ? NaN : 0.5))];
    const skipped: string[] = [];
    const inputs = [
      { id: 'bad', features },
      { id: 'good', video: VIDEO, ...TEXTS },
    ];
    const rows = await model.embed(inputs, { onSkip: ({ id, error }) => skipped.push(`${id}: ${error.message}`) });
    expect(rows.map(({ id }) => id)).toEqual(['good']);
    expect(distance(rows[0].embedding, await embedding({ video: VIDEO, ...TEXTS }))).toBeLessThan(1e-6);
    expect(skipped).toEqual([expect.stringMatching(/^bad: bad: expected finite frame features, got NaN/)]);
  });

  it('logits that leave the range of float32 give no class, and the video is told', async () => {
    const where = join(folder, 'overflowing');
    await cp(join(OLD, 'category'), where, { recursive: true });
    await makeHuge(join(where, 'model.safetensors'), 'head.output.weight');
    await using classifier = await openTrained(where, { tower: TOWER });
    const told: string[] = [];
    const onSkip = ({ id, error }: { id: string; error: Error }): void => void told.push(`${id}: ${error.message}`);
    expect(await classifier.classify([{ id: 'cat', video: VIDEO, ...TEXTS }], { onSkip })).toEqual([]);
    expect(told).toEqual([
      'cat: cat: expected features that the model can read, got values that are no numbers from it',
    ]);
  });

  it('is named by the input, by its file, or by its number', async () => {
    const frames = await videoFrames();
    const rows = await model.embed([
      { frames },
      { video: VIDEO },
      { id: 'mine', video: VIDEO },
      { video: videoBytes() },
    ]);
    expect(rows.map(({ id }) => id)).toEqual(['0', 'video', 'mine', '3']);
  });
});

/** Fills a tensor `[in, out]` of float32 in a safetensors file with 3e38, which is finite; columns differ in signs. */
async function makeHuge(path: string, name: string): Promise<void> {
  type Header = Record<string, { readonly shape: number[]; readonly data_offsets: [number, number] }>;
  const bytes = await readFile(path);
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  const { shape, data_offsets: offsets } = (JSON.parse(bytes.subarray(8, start).toString()) as Header)[name];
  for (let i = 0; i < shape[0] * shape[1]; i++) {
    const [row, column] = [Math.floor(i / shape[1]), i % shape[1]];
    bytes.writeFloatLE((column >> row) & 1 ? -3e38 : 3e38, start + offsets[0] + 4 * i);
  }
  await writeFile(path, bytes);
}
