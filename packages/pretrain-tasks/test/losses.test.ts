import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { floats, flatten, ints, randomKey, type Encoded, type ParamTree } from '@wbdc/nn';
import { beforeEach, describe, expect, it } from 'vitest';
import { ENGINES, distance, fillWithWaves, useEngine, wave } from '../../../tools/testing.js';
import { INITIAL_LOG_SCALE, contrastiveLoss } from '../src/clip.js';
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
  const encoded = {
    text: tf.zeros([B, L, D]),
    frames: tf.zeros([B, F, D]),
    cls: tf.zeros([B, D]),
    ...reads,
  } as Encoded;
  const wordEmbeddings = (reads.word ?? tf.zeros([V, D])) as tf.Tensor2D;
  const call: LossInput<H, G> = { head, encoded, target, wordEmbeddings, evaluating: false };
  const names = [...Object.keys(reads), ...leaves.map(({ path }) => path)];
  expect([...names].sort()).toEqual(Object.keys(expected.gradients).sort());
  const inputs = [...Object.values(reads), ...leaves.map(({ leaf }) => leaf)];
  const { value, grads } = tf.valueAndGrads(() => task.loss(call).loss)(inputs);
  expect(value.dataSync()[0]).toBeCloseTo(expected.loss, 5);
  names.forEach((name, i) => {
    expect(distance(grads[i].dataSync(), expected.gradients[name]), name).toBeLessThan(1e-4);
  });
}

describe.each(ENGINES)('losses equal PyTorch on %s', (engine) => {
  beforeEach(() => useEngine(engine));

  it('mlm', () => {
    const target = { rows: Int32Array.of(1, 5, 9, 16), labels: Int32Array.of(7, 22, 5, 11) };
    const reads = { text: input([B, L, D], 0.5), word: input([V, D], 9, 0.3) };
    check(mlm({ mask: 4, special: [0, 1, 2, 3, 4], vocabSize: V }), target, reads, fixtures.mlm);
  });

  it.each([
    ['mfm', {}],
    ['mfm-normalized', { normalize: true, temperature: 0.07 }],
  ])('%s', (name, options) => {
    const candidates = floats([9, DV], wave(9 * DV, 2.5, 1));
    const target = { rows: Int32Array.of(0, 6, 14), labels: Int32Array.of(0, 4, 8), candidates };
    check(mfm(options), target, { frames: input([B, F, D], 1.5) }, fixtures[name]);
  });

  it('tag', () => {
    const truth = floats([2, T]);
    for (const position of [1, 4, T + 10]) truth.data[position] = 1;
    check(tag({ tagCount: T }), { rows: Int32Array.of(0, 2), truth }, { cls: input([B, D], 3.5) }, fixtures.tag);
  });

  it('tag on the mean over tokens and frames, through a layer', () => {
    const truth = floats([2, T]);
    for (const position of [1, 4, T + 10]) truth.data[position] = 1;
    const mask = ints([B, L + F]);
    for (let row = 0; row < B; row++) for (const at of [0, 2, L, L + 1]) mask.data[row * (L + F) + at] = 1;
    const [text, frames] = [input([B, L, D], 0.5), input([B, F, D], 1.5)];
    const kept = [0, 2].map((at) => tf.slice(text, [0, at, 0], [B, 1, D]));
    const mean = tf.mean(tf.concat([...kept, tf.slice(frames, [0, 0, 0], [B, 2, D])], 1), 1);
    const encoded = { text, frames, cls: tf.zeros([B, D]) } as Encoded;
    const task = tag({ tagCount: T, pooling: 'mean', hidden: 6 });
    const head = task.init(randomKey(1), sizes);
    expect(head.hidden?.weight.shape).toEqual([D, 6]);
    const rows = Int32Array.of(0, 2);
    const common = { head, wordEmbeddings: tf.zeros([V, D]) as tf.Tensor2D, evaluating: false };
    const { loss } = task.loss({ ...common, encoded, target: { rows, truth, mask } });
    const same = task.loss({ ...common, encoded: { ...encoded, cls: mean as tf.Tensor2D }, target: { rows, truth } });
    const other = task.loss({ ...common, encoded, target: { rows, truth } });
    expect(loss.dataSync()[0]).toBeCloseTo(same.loss.dataSync()[0], 6);
    expect(Math.abs(loss.dataSync()[0] - other.loss.dataSync()[0])).toBeGreaterThan(1e-7);
  });

  it('ftm', () => {
    check(ftm(), { labels: Int32Array.of(1, 0, 0) }, { cls: input([B, D], 3.5) }, fixtures.ftm);
  });

  it('ftc with a learned and with a fixed temperature', () => {
    const reads = { cls: input([2 * B, D], 3.5) };
    check(ftc({ separator: 3 }), { videos: B }, reads, fixtures.ftc);
    check(ftc({ separator: 3, temperature: 1 }), { videos: B }, reads, fixtures['ftc-fixed']);
  });

  it('mmm', () => {
    const text = { rows: Int32Array.of(1, 2, 3, 4), labels: Int32Array.of(7, 22, 5, 11) };
    const candidates = floats([9, DV], wave(9 * DV, 2.5, 1));
    const frames = { rows: Int32Array.of(5, 6, 10), labels: Int32Array.of(3, 4, 6), candidates };
    const reads = { text: input([B, L, D], 0.5), word: input([V, D], 9, 0.3), frames: input([B, F, D], 1.5) };
    check(mmm({ mask: 4, special: [0, 1, 2, 3, 4] }), { text, frames }, reads, fixtures.mmm);
  });

  it('clip', () => {
    const inputs = [input([B, D], 0.5), input([B, D], 1.5), tf.scalar(INITIAL_LOG_SCALE)];
    const loss = (a: tf.Tensor, b: tf.Tensor, scale: tf.Tensor): tf.Tensor =>
      contrastiveLoss(a as tf.Tensor2D, b as tf.Tensor2D, scale as tf.Scalar).loss;
    const { value, grads } = tf.valueAndGrads(loss as (...xs: tf.Tensor[]) => tf.Tensor)(inputs);
    expect(value.dataSync()[0]).toBeCloseTo(fixtures.clip.loss, 5);
    ['frames', 'texts', 'logScale'].forEach((name, i) => {
      expect(distance(grads[i].dataSync(), fixtures.clip.gradients[name]), name).toBeLessThan(1e-5);
    });
  });
});

describe.each(ENGINES)('nothing to predict on %s', (engine) => {
  beforeEach(() => useEngine(engine));

  it.each([
    ['mlm', mlm({ mask: 4, special: [], vocabSize: V }), { rows: new Int32Array(), labels: new Int32Array() }],
    ['mfm', mfm(), { rows: new Int32Array(), labels: new Int32Array(), candidates: floats([0, DV]) }],
    ['tag', tag({ tagCount: T }), { rows: new Int32Array(), truth: floats([0, T]) }],
  ] as [string, Task, unknown][])('%s: loss and gradient are zero', (_, task, target) => {
    const head = task.init(randomKey(1), sizes);
    const rest = { text: tf.zeros([B, L, D]), frames: tf.zeros([B, F, D]) };
    const wordEmbeddings = tf.zeros([V, D]) as tf.Tensor2D;
    const loss = (cls: tf.Tensor): tf.Tensor => {
      const encoded = { ...rest, cls } as Encoded;
      return task.loss({ head, encoded, target, wordEmbeddings, evaluating: false }).loss;
    };
    const { value, grad } = tf.valueAndGrad(loss)(input([B, D], 1));
    expect(value.dataSync()[0]).toBe(0);
    expect(Array.from(grad.dataSync()).every((x) => x === 0)).toBe(true);
  });
});
