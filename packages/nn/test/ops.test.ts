import * as tf from '@tensorflow/tfjs';
import { beforeEach, describe, expect, it } from 'vitest';
import { ENGINES, distance, useEngine, wave } from '../../../tools/testing.js';
import {
  attentionBias,
  dropout,
  gelu,
  ints,
  l2Normalize,
  layerNorm,
  linear,
  maskedSoftmax,
  meanPool,
  randomKey,
  sigmoidCrossEntropy,
  softmaxCrossEntropy,
  symmetricInfoNce,
} from '../src/index.js';

interface Case {
  readonly name: string;
  readonly shapes: number[][];
  readonly run: (...inputs: tf.Tensor[]) => tf.Tensor;
}

const t2 = (x: tf.Tensor) => x as tf.Tensor2D;
const cases: Case[] = [
  {
    name: 'linear',
    shapes: [[3, 5, 7], [7, 11], [11]],
    run: (x, weight, bias) => linear(x, { weight: t2(weight), bias: bias as tf.Tensor1D }),
  },
  {
    name: 'layerNorm',
    shapes: [[3, 5, 7], [7], [7]],
    run: (x, gamma, beta) => layerNorm(x, { gamma: gamma as tf.Tensor1D, beta: beta as tf.Tensor1D }, 1e-5),
  },
  { name: 'gelu', shapes: [[5, 13]], run: (x) => gelu(tf.mul(x, 7)) },
  { name: 'quick gelu', shapes: [[5, 13]], run: (x) => gelu(tf.mul(x, 7), 'quick') },
  {
    name: 'maskedSoftmax',
    shapes: [[2, 3, 5, 7]],
    run: (x) => {
      const mask = ints([2, 7], Int32Array.of(1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1));
      return maskedSoftmax(x as tf.Tensor4D, attentionBias(mask), 0.37);
    },
  },
  { name: 'dropout', shapes: [[5, 13]], run: (x) => dropout(x, 0.3, randomKey(7)) },
  { name: 'softmaxCrossEntropy', shapes: [[3, 11]], run: (x) => softmaxCrossEntropy(t2(x), Int32Array.of(2, 0, 10)) },
  {
    name: 'sigmoidCrossEntropy',
    shapes: [[3, 5]],
    run: (x) =>
      sigmoidCrossEntropy(
        tf.mul(x, 9),
        tf.tensor2d(
          wave(15, 3, 1).map((v) => (v > 0 ? 1 : 0)),
          [3, 5],
        ),
      ),
  },
  { name: 'l2Normalize', shapes: [[3, 7]], run: (x) => l2Normalize(t2(x)) },
  {
    name: 'symmetricInfoNce',
    shapes: [[3, 7], [3, 7], []],
    run: (a, b, scale) => symmetricInfoNce(t2(a), t2(b), scale as tf.Scalar).loss,
  },
  {
    name: 'meanPool',
    shapes: [[2, 5, 3]],
    run: (x) => meanPool(x as tf.Tensor3D, ints([2, 5], Int32Array.of(1, 1, 1, 0, 0, 0, 0, 0, 0, 0))),
  },
];

/** Central differences of the weighted sum of an operation's output, accumulated in float64. */
function differences({ shapes, run }: Case, inputs: Float32Array[], weights: Float32Array, which: number): number[] {
  const step = 1e-2;
  const value = (moved: Float32Array): number =>
    tf.tidy(() => {
      const tensors = inputs.map((data, i) => tf.tensor(i === which ? moved : data, shapes[i]));
      return Array.from(run(...tensors).dataSync()).reduce((sum, y, i) => sum + y * weights[i], 0);
    });
  return Array.from(inputs[which], (x, i) => {
    const [up, down] = [x + step, x - step].map((to) => value(inputs[which].with(i, to)));
    return (up - down) / (Math.fround(x + step) - Math.fround(x - step));
  });
}

describe.each(ENGINES)('operations on %s', (engine) => {
  beforeEach(() => useEngine(engine));

  it.each(cases)('$name: gradient equals finite differences', (test) => {
    const inputs = test.shapes.map((shape, i) => wave(tf.util.sizeFromShape(shape), i + 1, 1));
    const tensors = inputs.map((data, i) => tf.tensor(data, test.shapes[i]));
    const out = test.run(...tensors);
    const weights = wave(out.size, 5, 1);
    const gradients = tf.grads((...xs) => tf.sum(tf.mul(test.run(...xs), tf.tensor(weights, out.shape))))(tensors);
    gradients.forEach((gradient, i) => {
      expect(distance(gradient.dataSync(), differences(test, inputs, weights, i)), `input ${i}`).toBeLessThan(2e-2);
    });
  });

  it.each(cases)('$name: equals the composition on cpu', async (test) => {
    const run = (): number[][] => {
      const tensors = test.shapes.map((shape, i) => tf.tensor(wave(tf.util.sizeFromShape(shape), i + 1, 1), shape));
      const loss = (...xs: tf.Tensor[]): tf.Tensor => tf.sum(tf.mul(test.run(...xs), test.run(...xs)));
      const all = [test.run(...tensors), ...tf.grads(loss)(tensors)];
      return all.map((x) => Array.from(x.dataSync()));
    };
    const actual = run();
    await useEngine('cpu');
    run().forEach((expected, i) => expect(distance(actual[i], expected), `output ${i}`).toBeLessThan(1e-4));
  });

  it('drops the asked share and keeps the mean', () => {
    const kept = Array.from(dropout(tf.ones([100_003]), 0.1, randomKey(11)).dataSync());
    expect(kept.filter((x) => x === 0).length / kept.length).toBeCloseTo(0.1, 2);
    expect(kept.reduce((sum, x) => sum + x, 0) / kept.length).toBeCloseTo(1, 2);
  });

  it('keeps a masked key out of attention entirely', () => {
    const bias = attentionBias(ints([1, 3], Int32Array.of(1, 0, 1)));
    const y = maskedSoftmax(tf.tensor4d([0, 50, 0], [1, 1, 1, 3]), bias, 1).dataSync();
    expect(Array.from(y)).toEqual([0.5, 0, 0.5]);
  });

  it('gives zero, with a finite gradient, for zero rows and empty masks', () => {
    const zero = tf.zeros([2, 3]) as tf.Tensor2D;
    const gradient = tf
      .grad((x) => tf.sum(l2Normalize(t2(x))))(zero)
      .dataSync();
    expect(Array.from(l2Normalize(zero).dataSync()).every((x) => x === 0)).toBe(true);
    expect(Array.from(gradient).every(Number.isFinite)).toBe(true);
  });
});

describe('errors', () => {
  beforeEach(() => useEngine('cpu'));

  it('name the widths that do not fit', () => {
    const layer = { weight: tf.zeros([3, 2]) as tf.Tensor2D, bias: tf.zeros([2]) as tf.Tensor1D };
    expect(() => linear(tf.zeros([5, 4]), layer)).toThrow('linear: expected rows of 3 values, got the shape [5, 4]');
  });

  it('name the label out of range', () => {
    const logits = tf.zeros([2, 3]) as tf.Tensor2D;
    expect(() => softmaxCrossEntropy(logits, Int32Array.of(0, 3))).toThrow('expected labels in [0, 3), got 3 in row 1');
    expect(() => softmaxCrossEntropy(logits, Int32Array.of(0))).toThrow('expected 2 labels, got 1');
  });
});
