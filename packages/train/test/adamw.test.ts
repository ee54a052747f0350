import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { flatten, mapTree } from '@wbdc/nn';
import { beforeEach, describe, expect, it } from 'vitest';
import { ENGINES, distance, useEngine, wave } from '../../../tools/testing.js';
import { adamW, clipScale, globalNorm, gradNorms, warmupCosine } from '../src/index.js';

const { steps } = JSON.parse(readFileSync(new URL('fixtures/adamw.json', import.meta.url), 'utf8')) as {
  steps: { norm: number; params: Record<string, number[]> }[];
};
const SHAPES = { 'body.weight': [3, 5], 'body.bias': [5], 'head.weight': [5, 2] };
const OPTIONS = {
  learningRate: 1e-2,
  weightDecay: 0.1,
  rules: [{ pattern: 'head.*', learningRate: 5e-2, weightDecay: 0.01 }],
};

function newParams(): { body: { weight: tf.Tensor; bias: tf.Tensor }; head: { weight: tf.Tensor } } {
  const [weight, bias, head] = Object.values(SHAPES).map((shape, k) =>
    tf.tensor(wave(tf.util.sizeFromShape(shape), k), shape),
  );
  return mapTree({ body: { weight, bias }, head: { weight: head } }, (leaf) => tf.variable(leaf));
}

function gradsOf(step: number): Map<string, tf.Tensor> {
  const entries = Object.entries(SHAPES).map(([path, shape], k): [string, tf.Tensor] => {
    const data = wave(tf.util.sizeFromShape(shape), step * 1.3 + k, 0.05 + 0.1 * step);
    return [path, tf.tensor(data, shape)];
  });
  return new Map(entries.filter(([path]) => !(path === 'head.weight' && (step === 4 || step === 5))));
}

describe.each(ENGINES)('AdamW on %s', (engine) => {
  beforeEach(() => useEngine(engine));

  it('follows PyTorch over 20 clipped and scheduled steps with groups and missing gradients', async () => {
    const params = newParams();
    const optimizer = adamW(params, OPTIONS);
    for (const [step, expected] of steps.entries()) {
      const grads = gradsOf(step);
      const norm = globalNorm(await gradNorms(grads));
      expect(Math.abs(norm - expected.norm)).toBeLessThan(1e-5);
      optimizer.update(grads, { factor: warmupCosine(step, 20, 3), scale: clipScale(norm, 1) });
      for (const { path, leaf } of flatten(params)) {
        expect(distance(leaf.dataSync(), expected.params[path]), `${path} after step ${step}`).toBeLessThan(1e-6);
      }
    }
  });

  it('changes large parameters as the formula says, and measures their gradients', async () => {
    const size = 2 ** 21 + 13;
    const [start, gradient] = [wave(size, 1), wave(size, 2)];
    const params = { large: tf.variable(tf.tensor1d(start)) };
    const optimizer = adamW(params, { learningRate: 0.01, weightDecay: 0.1 });
    const grads = new Map([['large', tf.tensor1d(gradient)]]);
    optimizer.update(grads, { factor: 1, scale: 0.5 });
    // The first step is the sign of the gradient, but for epsilon.
    const expected = start.map((p, i) => p * (1 - 0.001) - (0.01 * gradient[i]) / (Math.abs(gradient[i]) + 2e-8));
    expect(distance(params.large.dataSync(), expected)).toBeLessThan(1e-5);
    const norm = Math.sqrt(gradient.reduce((sum, g) => sum + g * g, 0));
    expect((await gradNorms(grads)).get('large')! / norm).toBeCloseTo(1, 5);
  });

  it('keeps an average of the weights, and evaluates with it', async () => {
    const params = newParams();
    const optimizer = adamW(params, { ...OPTIONS, averageDecay: 0.75 });
    const average = flatten(params).map(({ leaf }) => Array.from(leaf.dataSync()));
    for (let step = 3; step < 8; step++) {
      optimizer.update(gradsOf(step), { factor: 1 });
      flatten(params).forEach(({ leaf }, k) => {
        leaf.dataSync().forEach((value, i) => (average[k][i] = 0.75 * average[k][i] + 0.25 * value));
      });
    }
    const current = flatten(params).map(({ leaf }) => Array.from(leaf.dataSync()));
    await optimizer.withAverages(() => {
      flatten(params).forEach(({ leaf }, k) => expect(distance(leaf.dataSync(), average[k])).toBeLessThan(1e-6));
    });
    flatten(params).forEach(({ leaf }, k) => expect(Array.from(leaf.dataSync())).toEqual(current[k]));
    await expect(optimizer.withAverages(() => Promise.reject(new Error('evaluation')))).rejects.toThrow('evaluation');
    flatten(params).forEach(({ leaf }, k) => expect(Array.from(leaf.dataSync())).toEqual(current[k]));
  });

  it('does not change the array that a parameter was made of, nor frozen parameters', () => {
    const data = Float32Array.of(1, 2, 3);
    const params = { a: tf.variable(tf.tensor1d(data)), b: tf.variable(tf.tensor1d(data)) };
    const optimizer = adamW(params, { learningRate: 1, rules: [{ pattern: 'b', frozen: true }] });
    optimizer.update(new Map([['a', tf.ones([3])]]), { factor: 1 });
    expect(distance(params.a.dataSync(), [0, 1, 2])).toBeLessThan(1e-6);
    expect(Array.from(params.b.dataSync())).toEqual([1, 2, 3]);
    expect(Array.from(data)).toEqual([1, 2, 3]);
    expect([optimizer.trains('a'), optimizer.trains('b')]).toEqual([true, false]);
    expect(() => optimizer.update(new Map([['b', tf.ones([3])]]), { factor: 1 })).toThrow(/got one of 'b'/);
  });

  it('frees its state', () => {
    const params = newParams();
    const before = tf.memory().numTensors;
    const optimizer = adamW(params, { ...OPTIONS, averageDecay: 0.5 });
    const grads = gradsOf(1);
    optimizer.update(grads, { factor: 1 });
    tf.dispose([...grads.values()]);
    expect(tf.memory().numTensors).toBe(before + 3 * 3);
    optimizer.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('says what it cannot train', async () => {
    const shared = tf.variable(tf.zeros([2]));
    expect(() => adamW({ a: shared, b: shared }, OPTIONS_PLAIN)).toThrow(/b is the same variable as a/);
    expect(() => adamW({ a: tf.zeros([2]) }, OPTIONS_PLAIN)).toThrow(/a: expected a tf\.Variable/);
    expect(() => adamW({}, OPTIONS_PLAIN)).toThrow(/got none/);
    await expect(adamW({ a: shared }, OPTIONS_PLAIN).withAverages(() => 1)).rejects.toThrow(/set averageDecay/);
  });
});

const OPTIONS_PLAIN = { learningRate: 1 };
