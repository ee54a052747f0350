import { readFileSync } from 'node:fs';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { dot, recallBy } from '@wbdc/metrics';
import { floats, randomKey } from '@wbdc/nn';
import { clip, type ClipParams } from '@wbdc/pretrain-tasks/clip';
import { loadTokenizer } from '@wbdc/tokenizer/node';
import { packText } from '@wbdc/tokenizer';
import { loadParams } from '@wbdc/train/node';
import { CLIP_PREPROCESSING, preprocess } from '@wbdc/video-features';
import { beforeAll, describe, expect, it } from 'vitest';
import { rangeServer } from '../../../../tools/range-server.js';
import { distance } from '../../../../tools/testing.js';
import { openClip, readSavedModel, zeroShot, zeroShotScores, type ZeroShotRow } from '../../src/node.js';
import { OLD, TOWER, VIDEO, scratchFolder, videoFrames } from './fixtures.js';

const FIXTURES = fileURLToPath(new URL('../../../video-features/test/fixtures/', import.meta.url));
const PUBLISHED = join(FIXTURES, 'clip-models');

interface Case {
  readonly kind: string;
  readonly texts: string[];
  readonly pictures: string[];
  readonly float32: { readonly logits_per_text: number[] };
}
const cases = JSON.parse(readFileSync(join(FIXTURES, 'clip-models.json'), 'utf8')) as Case[];

let folder: string;
beforeAll(async () => {
  folder = await scratchFolder();
  await tf.setBackend('cpu');
});

/** Videos of one picture each. */
async function videosOf({ pictures }: Case): Promise<{ video: string }[]> {
  return Promise.all(
    pictures.map(async (name) => {
      const video = join(folder, name.replace('.png', ''));
      await mkdir(video, { recursive: true });
      await cp(join(PUBLISHED, name), join(video, '0.png'));
      return { video };
    }),
  );
}

describe('zeroShot', () => {
  it.each(cases)('gives the probabilities of transformers: $kind', async (of) => {
    await using model = await openClip(join(PUBLISHED, of.kind));
    const rows = await zeroShot(model, await videosOf(of), { labels: of.texts });
    expect(rows.map(({ id }) => id)).toEqual(['wide', 'tall', 'square']);
    const logits = tf.transpose(tf.tensor2d(of.float32.logits_per_text, [of.texts.length, of.pictures.length]));
    const expected = tf.softmax(logits).arraySync() as number[][];
    rows.forEach(({ labels }, i) => {
      const probabilities = of.texts.map((text) => labels.find(({ label }) => label === text)!.probability);
      expect(distance(probabilities, expected[i])).toBeLessThan(1e-4);
      expect(labels.map(({ probability }) => probability)).toEqual([...probabilities].sort((a, b) => b - a));
    });
  });

  it('reads a video at its address, where it may', async () => {
    await using server = await rangeServer();
    server.put('v.zip', readFileSync(VIDEO));
    const video = `${server.url}/v.zip`;
    await using model = await openClip(TOWER, { remote: {} });
    const [far, near] = await model.embed([{ video }, { video: VIDEO }]);
    expect(distance(far.embedding, near.embedding)).toBe(0);
    await using other = await openClip(TOWER);
    expect(await other.embed([{ video }])).toEqual([]);
  });

  it('puts labels into sentences, and takes the mean of several', async () => {
    await using model = await openClip(join(PUBLISHED, 'chinese'));
    const [a, b, both] = await Promise.all(
      [['雨{}'], ['{}狗'], ['雨{}', '{}狗']].map((prompts) =>
        Promise.resolve(
          zeroShot(model, [{ features: [[1, 0, 0, 0, 0, 0, 0, 0, 0]] }], { labels: ['猫', '两'], prompts }),
        ),
      ),
    );
    const [first, second] = await model.embedTexts(['雨猫', '猫狗']);
    const of = ([{ labels }]: ZeroShotRow[]) => labels.find(({ label }) => label === '猫')!.similarity;
    expect(distance([of(a), of(b)], [first[0], second[0]])).toBeLessThan(1e-6);
    const sum = first.map((value, i) => value + second[i]);
    expect(of(both)).toBeCloseTo(sum[0] / Math.sqrt(dot(sum, sum)), 6);
  });

  it.each([
    [{ labels: [] }, 'labels: expected at least one, none of them empty, got none'],
    [{ labels: ['a', ' '] }, 'labels: expected at least one, none of them empty, got an empty one'],
    [{ labels: ['a', 'b', 'a'] }, "labels: expected each once, got 'a' twice"],
    [
      { labels: ['a'], prompts: ['a video'] },
      "prompt: expected a sentence with {} where the label belongs, got 'a video'",
    ],
    [{ labels: ['a'], prompts: [] }, 'prompt: expected a sentence with {} where the label belongs, got none'],
  ])('refuses %j', async (labels, message) => {
    await using model = await openClip(TOWER);
    await expect(Promise.resolve(zeroShot(model, [], labels))).rejects.toThrow(message);
  });

  it('tells videos that cannot be read, and stops when it is told to', async () => {
    await using model = await openClip(TOWER);
    const broken = join(folder, 'broken');
    await mkdir(broken);
    await writeFile(join(broken, '0.png'), 'no picture');
    const skipped: string[] = [];
    const options = { onSkip: ({ id }: { id: string }) => void skipped.push(id) };
    const inputs = [{ video: broken }, { video: VIDEO }, { id: 'none', features: floats([0, model.width]) }];
    const rows = await zeroShot(model, inputs, { labels: ['a'] }, options);
    expect([rows.length, skipped]).toEqual([1, ['broken', 'none']]);
    const stopped = zeroShot(model, inputs, { labels: ['a'] }, { signal: AbortSignal.abort(new Error('enough')) });
    await expect(Promise.resolve(stopped)).rejects.toThrow('enough');
  });
});

describe("the CLIP stage's own towers", () => {
  it('give what the stage itself computes', async () => {
    const saved = await readSavedModel(TOWER);
    if (saved.kind !== 'clip') throw new Error('expected a CLIP');
    const stage = clip(saved);
    const params: ClipParams = stage.init(randomKey(1));
    await loadParams(join(TOWER, 'model.safetensors'), { ...params });
    const { imageSize } = saved.vision;
    const settings = { ...CLIP_PREPROCESSING, imageSize };
    const frames = await Promise.all((await videoFrames()).map((image) => preprocess(image, settings)));
    const title = '一只黑猫';
    const tokenizer = await loadTokenizer(TOWER);
    const { tokens } = packText(tokenizer, { title }, { fields: ['title'], budget: 36, separatorFirst: false });
    const row = (data: Int32Array) => ({ shape: [1, tokens.length] as const, data });
    const batch = {
      ids: ['a'],
      pixels: floats([frames.length, 3, imageSize, imageSize], Float32Array.from(frames.flatMap((one) => [...one]))),
      owner: new Int32Array(frames.length),
      tokens: row(Int32Array.from(tokens)),
      segments: row(new Int32Array(tokens.length)),
      textMask: row(new Int32Array(tokens.length).fill(1)),
    };
    const unit = (x: tf.Tensor) => tf.div(x, tf.norm(x)).dataSync();
    await using model = await openClip(TOWER);
    const [{ embedding }] = await model.embed([{ video: VIDEO }]);
    const [words] = await model.embedTexts([title]);
    expect(distance(embedding, unit(stage.embedFrames(params, batch)))).toBeLessThan(1e-5);
    expect(distance(words, unit(stage.embedText(params, batch)))).toBeLessThan(1e-5);
    expect(model.scale).toBeCloseTo(Math.exp(params.logScale!.dataSync()[0]), 4);
  });

  it('are no model of another kind, and nothing that is not there', async () => {
    await expect(openClip(join(OLD, 'category'))).rejects.toThrow(
      "expected a CLIP with both towers: of the clip stage, or as published, got a 'category' model",
    );
    await expect(openClip(join(folder, 'nowhere'))).rejects.toThrow('expected a folder, or a model of the hub');
    const huge = join(folder, 'huge');
    await cp(TOWER, huge, { recursive: true });
    const config = JSON.parse(readFileSync(join(huge, 'config.json'), 'utf8')) as { text: object };
    await writeFile(join(huge, 'config.json'), JSON.stringify({ ...config, text: { ...config.text, layers: 1e9 } }));
    await expect(openClip(huge)).rejects.toThrow('expected tensors of 1000000000 text.layers, got');
    const model = await openClip(TOWER);
    await model.close();
    await expect(model.embedTexts(['a'])).rejects.toThrow('expected an open model, got one that was closed');
  });
});

it('measures recall of labels and of titles beside chance and shared characters', async () => {
  await using model = await openClip(TOWER);
  const known = (await loadTokenizer(TOWER)).vocab.filter((token) => /^\p{sc=Han}$/u.test(token));
  const titles = known.slice(0, 6);
  expect(titles).toHaveLength(6);
  const vectors = await model.embedTexts(titles);
  // A model whose videos are what their titles say: it must reach 1; the last two have changed places.
  const order = [0, 1, 2, 3, 5, 4];
  const rows = order.map((at, i) => ({
    id: String(i),
    embedding: vectors[at],
    labels: titles.map((label, j) => ({ label, probability: 0, similarity: dot(vectors[at], vectors[j]) })),
  }));
  // OCR tells the first three; the fourth has no category among the labels.
  const truthOf = (id: string) => {
    const i = Number(id);
    return { title: titles[i], ocr: i < 3 ? `${titles[i]}!` : '', categories: i === 3 ? ['别的'] : [titles[i]] };
  };
  const { labels, titles: byTitle } = await zeroShotScores(model, rows, { labels: titles }, truthOf);
  expect(labels).toMatchObject({
    count: 5,
    measured: { 'recall@1': { value: 0.6, baselines: { chance: 1 / 6, characters: 1 } } },
  });
  expect(byTitle).toMatchObject({
    count: 6,
    measured: {
      'recall@1': { value: 4 / 6, baseline: 0.5, baselines: { chance: 1 / 6, characters: 0.5 } },
      'recall@5': { value: 1, baselines: { chance: 5 / 6, characters: 0.5 } },
      'recall@10': { value: 1, baselines: { chance: 1 } },
    },
  });
  expect(await zeroShotScores(model, rows, { labels: titles }, () => ({}))).toEqual({});
  // The last two have one title and, as their rows say, each other's place: both answers are right. So are two levels.
  const same = (id: string) => ({ ...truthOf(id), title: titles[Math.min(4, Number(id))] });
  const both = (id: string) => ({
    ...same(id),
    categories: Number(id) < 4 ? [titles[Number(id)]] : [titles[4], titles[5]],
  });
  const equal = await zeroShotScores(model, rows.slice(0, 5), { labels: titles }, both);
  expect(equal.labels).toMatchObject({ measured: { 'recall@1': { baselines: { chance: (4 / 6 + 1 / 5) / 5 } } } });
  const all = await zeroShotScores(model, rows, { labels: titles }, same);
  expect(all.titles).toMatchObject({ measured: { 'recall@1': { baselines: { chance: (4 / 6 + 2 / 5) / 6 } } } });
});

it('a video that shows the same as another, or is it, is no wrong answer for its title', async () => {
  await using model = await openClip(TOWER);
  const titles = (await loadTokenizer(TOWER)).vocab.filter((token) => /^\p{sc=Han}$/u.test(token)).slice(0, 3);
  const vectors = await model.embedTexts(titles);
  const row = (id: string, embedding: Float32Array): ZeroShotRow => ({ id, embedding, labels: [] });
  const truthOf = (id: string) => ({ title: titles[Number(id)] });
  // 0 and 1 have one picture and two titles: whichever fits, no model tells them apart.
  const twin = vectors[0].map((value) => value + 1e-8);
  const rows = [row('0', vectors[0]), row('1', twin), row('2', vectors[2])];
  const { titles: found } = await zeroShotScores(model, rows, { labels: ['a'] }, truthOf);
  expect(found?.measured['recall@1'].baselines).toMatchObject({ chance: (2 / 2 + 1 / 3) / 3 });
  const second = Number(dot(vectors[1], twin) > dot(vectors[1], vectors[2])); // what this model says of its title
  expect(found?.measured['recall@1'].value).toBe((2 + second) / 3);
  const again = [row('0', vectors[0]), row('0', vectors[1]), row('2', vectors[2])];
  const { titles: twice } = await zeroShotScores(model, again, { labels: ['a'] }, truthOf);
  expect(twice?.measured['recall@1'].baselines).toMatchObject({ chance: (2 / 2 + 1 / 3) / 3 });
});

it('recallBy counts ties and NaN against the query', () => {
  const scores = [
    [1, 1, 0],
    [0, NaN, 0],
    [0, 1, 2],
  ];
  const question = { queries: 3, items: 3, own: (i: number) => i, score: (i: number, j: number) => scores[i][j] };
  expect(recallBy(question, [1, 2, 3])).toEqual([1 / 3, 2 / 3, 2 / 3]);
});
