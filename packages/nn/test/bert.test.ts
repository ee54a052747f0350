import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { beforeEach, describe, expect, it } from 'vitest';
import { PARITY_BATCH, PARITY_SIZES, batchOfCase, readCases } from '../../../tools/encoder-parity.js';
import { ENGINES, distance, fillWithWaves, useEngine, wave } from '../../../tools/testing.js';
import { bert, flatten, ints, newBert, randomKey, type Bert } from '../src/index.js';

const fixture = JSON.parse(readFileSync(new URL('fixtures/bert.json', import.meta.url), 'utf8')) as {
  hidden: number[];
  gradients: Record<string, number[]>;
};
const config = PARITY_SIZES;
const text = PARITY_BATCH;

describe.each(ENGINES)('BERT on %s', (engine) => {
  let params: Bert;
  beforeEach(async () => {
    await useEngine(engine);
    params = newBert(randomKey(1), config);
    fillWithWaves(flatten(params));
  });

  const hidden = (): tf.Tensor => {
    const mask = tf.tensor3d(Float32Array.from(text.textMask.data), [3, 7, 1]);
    return tf.mul(bert(params, text, config), mask);
  };

  it('gives the hidden states of transformers', () => {
    expect(distance(hidden().dataSync(), fixture.hidden)).toBeLessThan(1e-5);
  });

  it('gives the gradients of transformers', () => {
    const leaves = flatten(params);
    const weights = tf.tensor(wave(3 * 7 * 14, 0.5, 1), [3, 7, 14]);
    const gradients = tf.grads(() => tf.sum(tf.mul(hidden(), weights)))(leaves.map(({ leaf }) => leaf));
    leaves.forEach(({ path }, i) => {
      expect(distance(gradients[i].dataSync(), fixture.gradients[path]), path).toBeLessThan(1e-4);
    });
  });

  it('keeps nothing but its result', () => {
    bert(params, text, config).dispose();
    const before = tf.memory().numTensors;
    bert(params, text, config, randomKey(5)).dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('drops out the same way for the same key, and otherwise for another', () => {
    const run = (seed: number): ArrayLike<number> => bert(params, text, config, randomKey(seed)).dataSync();
    expect(run(3)).toEqual(run(3));
    expect(distance(run(3), run(4))).toBeGreaterThan(0.01);
  });
});

describe.each(ENGINES)('BERT of random sizes on %s', (engine) => {
  beforeEach(() => useEngine(engine));
  type Results = { hidden: number[]; gradients: Record<string, number[]> };
  const cases = readCases<typeof PARITY_SIZES, Results>(new URL('fixtures/bert-random.json', import.meta.url));

  it.each(cases.map((of) => ({ of, about: JSON.stringify(of.sizes) })))('equals transformers: $about', ({ of }) => {
    const params = newBert(randomKey(1), of.sizes);
    const leaves = flatten(params);
    fillWithWaves(leaves);
    const batch = batchOfCase(of);
    const mask = tf.tensor3d(Float32Array.from(batch.textMask.data), [...batch.textMask.shape, 1] as [
      number,
      number,
      number,
    ]);
    const hidden = (): tf.Tensor => tf.mul(bert(params, batch, of.sizes), mask);
    const state = hidden();
    expect(distance(state.dataSync(), of.hidden)).toBeLessThan(1e-5);
    const weights = tf.tensor(wave(state.size, 0.5, 1), state.shape);
    const gradients = tf.grads(() => tf.sum(tf.mul(hidden(), weights)))(leaves.map(({ leaf }) => leaf));
    leaves.forEach(({ path }, i) => {
      expect(distance(gradients[i].dataSync(), of.gradients[path]), path).toBeLessThan(1e-4);
    });
  });
});

it('says which setting to raise when a row is too long', async () => {
  await useEngine('cpu');
  const long = ints([1, 13]);
  const call = () => bert(newBert(randomKey(1), config), { tokens: long, segments: long, textMask: long }, config);
  expect(call).toThrow('expected at most 11 positions, got 13: raise maxPositions');
});
