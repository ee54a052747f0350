import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { floats, flatten, ints, randomKey, type Encoded, type ParamTree } from '@wbdc/nn';
import { beforeEach, describe, expect, it } from 'vitest';
import { ENGINES, distance, fillWithWaves, useEngine, wave } from '../../../tools/testing.js';
import { INITIAL_LOG_SCALE, clip, contrastiveLoss } from '../src/clip.js';
import { ftc, ftm, mfm, mlm, mmm, tag, type LossInput, type Task } from '../src/index.js';

interface Reference {
  readonly loss: number;
  readonly gradients: Record<string, number[]>;
}
const fixtures = JSON.parse(readFileSync(new URL('fixtures/tasks.json', import.meta.url), 'utf8')) as Record<
  string,
  Reference
>;
const [B, L, F, D, V, DV, T] = [3, 7, 5, 14, 23, 13, 11];
const sizes = { hiddenSize: D, vocabSize: V, frameSize: DV };
const input = (shape: number[], phase: number, scale = 1): tf.Tensor => {
  return tf.tensor(wave(tf.util.sizeFromShape(shape), phase, scale), shape);
};

const word = (): tf.Tensor => input([V, D], 9, 0.3);
const masking = { mask: 4, special: [0, 1, 2, 3, 4], vocabSize: V };
const framesOf = (rows: number[], labels: number[], candidates: number) => ({
  rows: Int32Array.from(rows),
  labels: Int32Array.from(labels),
  candidates: floats([candidates, DV], wave(candidates * DV, 2.5, 1)),
});
const tagsOf = (rows: number[], set: number[]) => {
  const truth = floats([rows.length, T]);
  for (const position of set) truth.data[position] = 1;
  return { rows: Int32Array.from(rows), truth };
};

/** Of rows with so many tokens and frames. */
const maskOf = (...lengths: [tokens: number, frames: number][]) => {
  const mask = ints([lengths.length, L + F]);
  lengths.forEach(([tokens, frames], row) => {
    mask.data.fill(1, row * (L + F), row * (L + F) + tokens);
    mask.data.fill(1, row * (L + F) + L, row * (L + F) + L + frames);
  });
  return mask;
};

/** Of rows of `width` columns, the first so many. */
const firstOf = (width: number, ...lengths: number[]) => {
  const mask = ints([lengths.length, width]);
  lengths.forEach((length, row) => mask.data.fill(1, row * width, row * width + length));
  return mask;
};

/** Loss and gradients of a task's head and of what it reads, by the names of the fixture. */
function check<H extends ParamTree, G>(
  task: Task<H, G>,
  target: G,
  reads: Record<string, tf.Tensor>,
  expected: Reference,
) {
  const head = task.init(randomKey(1), sizes);
  const leaves = flatten(head);
  fillWithWaves(leaves);
  const [videos] = Object.values(reads)[0].shape;
  const encoded = {
    text: tf.zeros([videos, L, D]),
    frames: tf.zeros([videos, F, D]),
    cls: tf.zeros([videos, D]),
    ...reads,
  } as Encoded;
  const wordEmbeddings = (reads.word ?? tf.zeros([V, D])) as tf.Tensor2D;
  const call: LossInput<H, G> = { head, encoded, target, wordEmbeddings, evaluating: false };
  const names = [...Object.keys(reads), ...leaves.map(({ path }) => path)];
  expect([...names].sort()).toEqual(Object.keys(expected.gradients).sort());
  const inputs = [...Object.values(reads), ...leaves.map(({ leaf }) => leaf)];
  // Where nothing was asked a loss depends on none of them: a zero times their sum gives gradients of zeros.
  const zero = (): tf.Tensor => tf.mul(tf.addN(inputs.map((x) => tf.sum(x))), 0);
  const { value, grads } = tf.valueAndGrads(() => tf.add(task.loss(call).loss, zero()))(inputs);
  expect(value.dataSync()[0]).toBeCloseTo(expected.loss, 5);
  names.forEach((name, i) => {
    expect(distance(grads[i].dataSync(), expected.gradients[name]), name).toBeLessThan(1e-4);
  });
}

describe.each(ENGINES)('losses equal PyTorch on %s', (engine) => {
  beforeEach(() => useEngine(engine));

  it.each([
    ['mlm', [1, 5, 9, 16], [7, 22, 5, 11], B],
    ['mlm-one', [3], [7], 1],
    ['mlm-none', [], [], B],
  ])('%s', (name, rows, labels, videos) => {
    const target = { rows: Int32Array.from(rows), labels: Int32Array.from(labels) };
    check(mlm(masking), target, { text: input([videos, L, D], 0.5), word: word() }, fixtures[name]);
  });

  it.each([
    ['mfm', {}, [0, 6, 14], [0, 4, 8], 9, B],
    ['mfm-normalized', { normalize: true, temperature: 0.07 }, [0, 6, 14], [0, 4, 8], 9, B],
    ['mfm-one', {}, [2], [1], 3, 1],
    ['mfm-only', {}, [2], [0], 1, 1],
    ['mfm-none', {}, [], [], 9, B],
    ['mfm-frameless', {}, [], [], 0, B],
  ])('%s', (name, options, rows, labels, candidates, videos) => {
    check(mfm(options), framesOf(rows, labels, candidates), { frames: input([videos, F, D], 1.5) }, fixtures[name]);
  });

  it.each([
    ['tag', null, [0, 2], [1, 4, T + 10], B],
    ['tag-relu', 'relu', [0, 2], [1, 4, T + 10], B],
    ['tag-one', null, [0], [4], 1],
    ['tag-none', null, [], [], B],
  ] as const)('%s', (name, activation, rows, set, videos) => {
    const target = tagsOf([...rows], [...set]);
    check(tag({ tagCount: T, activation }), target, { cls: input([videos, D], 3.5) }, fixtures[name]);
  });

  it('tag-category: one label of all', () => {
    const task = tag({ tagCount: T, exclusive: true });
    check(task, tagsOf([0, 2], [1, T + 10]), { cls: input([B, D], 3.5) }, fixtures['tag-category']);
  });

  it.each([
    ['tag-mean', null],
    ['tag-mean-relu', 'relu'],
  ] as const)('%s: through a layer, on the mean without padding', (name, activation) => {
    const mask = maskOf([7, 2], [3, 0], [0, 0]);
    const target = { ...tagsOf([0, 1, 2], [1, 4, T + 10, 2 * T + 3]), mask };
    const reads = { text: input([B, L, D], 0.5), frames: input([B, F, D], 1.5) };
    check(tag({ tagCount: T, pooling: 'mean', hidden: 6, activation }), target, reads, fixtures[name]);
  });

  it.each([
    ['ftm', [0, 1, 2], [1, 0, 0], B],
    ['ftm-one', [0], [1], 1],
    ['ftm-none', [0, 1, 2], [1, 1, 1], B],
    ['ftm-frameless', [], [], B],
  ])('%s', (name, rows, labels, videos) => {
    const target = { rows: Int32Array.from(rows), labels: Int32Array.from(labels) };
    check(ftm(), target, { cls: input([videos, D], 3.5) }, fixtures[name]);
  });

  it('ftm-product: the mean of the text times that of the frames', () => {
    const masks = { text: firstOf(L, 7, 2, 4), frames: firstOf(F, 3, 5, 1) };
    const target = { rows: Int32Array.of(0, 1, 2), labels: Int32Array.of(1, 0, 0), masks };
    const reads = { text: input([B, L, D], 0.5), frames: input([B, F, D], 1.5) };
    check(ftm({ pooling: 'product' }), target, reads, fixtures['ftm-product']);
  });

  it.each([
    ['ftc', {}, B, 0],
    ['ftc-fixed', { temperature: 1 }, B, 0],
    ['ftc-past', {}, B, 4],
    ['ftc-raw', { temperature: 1, normalize: false }, B, 0],
    ['ftc-one', {}, 1, 0],
  ])('%s', (name, options, videos, past) => {
    const reads = { cls: input([2 * videos + past, D], 3.5) };
    check(ftc({ separator: 3, ...options }), { videos, past }, reads, fixtures[name]);
  });

  it('ftc-mean: the means of titles and of the rest, both directions added', () => {
    const task = ftc({ separator: 3, temperature: 1, pooling: 'mean', reduction: 'sum' });
    const mask = maskOf([4, 0], [7, 0], [2, 0], [5, 3], [1, 5], [6, 1]);
    const reads = { text: input([2 * B, L, D], 0.5), frames: input([2 * B, F, D], 1.5) };
    check(task, { videos: B, past: 0, mask }, reads, fixtures['ftc-mean']);
  });

  const [someTokens, someFrames] = [
    [
      [1, 2, 3, 4],
      [7, 22, 5, 11],
    ],
    [
      [5, 6, 10],
      [3, 4, 6],
    ],
  ];
  const none: number[][] = [[], []];
  it.each([
    ['mmm', someTokens, someFrames, 9, B],
    [
      'mmm-one',
      none,
      [
        [0, 1],
        [0, 1],
      ],
      2,
      1,
    ],
    ['mmm-none', none, none, 9, B],
    ['mmm-frameless', someTokens, none, 0, B],
  ])('%s', (name, [rows, labels], [places, own], candidates, videos) => {
    const text = { rows: Int32Array.from(rows), labels: Int32Array.from(labels) };
    const reads = { text: input([videos, L, D], 0.5), word: word(), frames: input([videos, F, D], 1.5) };
    check(mmm(masking), { text, frames: framesOf(places, own, candidates) }, reads, fixtures[name]);
  });

  it.each([
    ['clip', B, 0],
    ['clip-past', B, 4],
    ['clip-one', 1, 0],
  ])('%s', (name, videos, past) => {
    const inputs = [input([videos, D], 0.5), input([videos + past, D], 1.5), tf.scalar(INITIAL_LOG_SCALE)];
    const loss = (a: tf.Tensor, b: tf.Tensor, scale: tf.Tensor): tf.Tensor =>
      contrastiveLoss(a as tf.Tensor2D, b as tf.Tensor2D, scale as tf.Scalar).loss;
    const { value, grads } = tf.valueAndGrads(loss as (...xs: tf.Tensor[]) => tf.Tensor)(inputs);
    expect(value.dataSync()[0]).toBeCloseTo(fixtures[name].loss, 5);
    ['frames', 'texts', 'logScale'].forEach((part, i) => {
      expect(distance(grads[i].dataSync(), fixtures[name].gradients[part]), part).toBeLessThan(1e-5);
    });
  });

  it('clip may have its temperature fixed', () => {
    const sizes = { layers: 1, heads: 2, intermediateSize: 11, dropout: 0 };
    const vision = { ...sizes, imageSize: 6, patchSize: 3, width: 14 };
    const text = { ...sizes, vocabSize: 17, hiddenSize: 6, maxPositions: 5, segments: 1 };
    const batch = {
      ids: ['a', 'b'],
      pixels: floats([2, 3, 6, 6], wave(2 * 3 * 36, 0.25, 1)),
      owner: Int32Array.of(0, 1),
      tokens: ints([2, 3], Int32Array.of(2, 5, 3, 2, 7, 3)),
      segments: ints([2, 3]),
      textMask: ints([2, 3], new Int32Array(6).fill(1)),
    };
    const lossOf = (temperature: 'learned' | number): number => {
      const model = clip({ vision, text, temperature });
      const params = model.init(randomKey(1));
      expect('logScale' in params).toBe(temperature === 'learned');
      return model.loss(params, batch).loss.dataSync()[0];
    };
    expect(lossOf(0.07)).toBeCloseTo(lossOf('learned'), 5);
    expect(lossOf(1)).not.toBeCloseTo(lossOf('learned'), 3);
    expect(() => clip({ vision, text, temperature: 0 }).init(randomKey(1))).toThrow('clip: expected');
  });

  it('clip-stage: both towers, several frames to a video, padding in the titles', () => {
    const vision = { imageSize: 15, patchSize: 5, width: 14, layers: 1, heads: 2, intermediateSize: 22 };
    const text = {
      vocabSize: 17,
      hiddenSize: 6,
      layers: 1,
      heads: 2,
      intermediateSize: 11,
      maxPositions: 5,
      segments: 1,
      dropout: 0.1,
    };
    const model = clip({ vision, text });
    const { vision: frames, text: titles, projection } = model.init(randomKey(1));
    const towers = { vision: frames, text: titles, projection };
    fillWithWaves(flatten(towers));
    const params = { ...towers, logScale: tf.variable(tf.scalar(1)) as tf.Tensor as tf.Scalar };
    const tokens = ints([3, 5], Int32Array.of(2, 5, 7, 11, 3, 2, 3, 0, 0, 0, 2, 13, 3, 0, 0));
    const batch = {
      ids: ['a', 'b', 'c'],
      pixels: floats([6, 3, 15, 15], wave(6 * 3 * 15 * 15, 0.25, 1)),
      owner: Int32Array.of(0, 0, 1, 2, 2, 2),
      tokens,
      segments: ints([3, 5]),
      textMask: ints([3, 5], tokens.data.map(Math.sign)),
    };
    const expected = fixtures['clip-stage'];
    const leaves = flatten({ ...params });
    expect(leaves.map(({ path }) => path).sort()).toEqual(Object.keys(expected.gradients).sort());
    const { value, grads } = tf.valueAndGrads(() => model.loss(params, batch).loss)(leaves.map(({ leaf }) => leaf));
    expect(value.dataSync()[0]).toBeCloseTo(expected.loss, 5);
    leaves.forEach(({ path }, i) => {
      expect(distance(grads[i].dataSync(), expected.gradients[path]), path).toBeLessThan(1e-4);
    });
  });
});
