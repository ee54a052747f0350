import * as tf from '@tensorflow/tfjs';
import { beforeEach, describe, expect, it } from 'vitest';
import { ENGINES, distance, useEngine, wave } from '../../../tools/testing.js';
import {
  addLayerNorm,
  attentionBias,
  countCorrect,
  dotProductAttention,
  dropout,
  gelu,
  ints,
  l2Normalize,
  layerNorm,
  linear,
  maskedSoftmax,
  meanPool,
  projectedAttention,
  randomKey,
  sigmoidCrossEntropy,
  softmaxCrossEntropy,
  symmetricInfoNce,
  type AttentionOptions,
} from '../src/index.js';

interface Case {
  readonly name: string;
  readonly shapes: number[][];
  readonly run: (...inputs: tf.Tensor[]) => tf.Tensor;
}

/** Weight and bias of query, key and value. */
const PROJECTIONS = [[6, 6], [6], [6, 6], [6], [6, 6], [6]];

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
  {
    name: 'addLayerNorm',
    shapes: [[3, 5, 7], [3, 5, 7], [7], [7]],
    run: (a, b, gamma, beta) => addLayerNorm(a, b, { gamma: gamma as tf.Tensor1D, beta: beta as tf.Tensor1D }, 1e-5),
  },
  {
    name: 'attention',
    shapes: [
      [2, 5, 6],
      [2, 7, 6],
      [2, 7, 6],
    ],
    run: attend({ heads: 3, dropout: 0 }),
  },
  {
    name: 'attention with dropout',
    shapes: [
      [2, 5, 6],
      [2, 7, 6],
      [2, 7, 6],
    ],
    run: attend({ heads: 2, dropout: 0.4, key: randomKey(3) }),
  },
  {
    name: 'attention to a context, projected',
    shapes: [[2, 5, 6], [2, 7, 6], ...PROJECTIONS],
    run: (x, context, ...layers) => attendProjected(x, context, layers),
  },
  {
    name: 'attention to itself, projected',
    shapes: [[2, 7, 6], ...PROJECTIONS],
    run: (x, ...layers) => attendProjected(x, x, layers),
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

/** Attention in which the first video has no more than three keys. */
function attend(options: AttentionOptions): Case['run'] {
  return (...inputs) => {
    const [q, k, v] = inputs.map((x) => tf.mul(x, 3) as tf.Tensor3D);
    const [videos, keys] = k.shape;
    const mask = ints([videos, keys], new Int32Array(videos * keys).fill(1).fill(0, 3, keys));
    return dotProductAttention(q, k, v, attentionBias(mask), options);
  };
}

function caseNamed(name: string): Case {
  return cases.find((test) => test.name === name)!;
}

function attendProjected(x: tf.Tensor, context: tf.Tensor, layers: tf.Tensor[]): tf.Tensor {
  const [query, key, value] = [0, 2, 4].map((i) => ({ weight: t2(layers[i]), bias: layers[i + 1] as tf.Tensor1D }));
  const bias = attentionBias(ints([2, 7], Int32Array.of(1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1)));
  const options = { heads: 2, dropout: 0.4, key: randomKey(3) };
  return projectedAttention({ query, key, value }, x as tf.Tensor3D, context as tf.Tensor3D, bias, options);
}

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

// On the others, gradients equal those of cpu, to 1e-4: see below.
describe('operations on cpu', () => {
  beforeEach(() => useEngine('cpu'));

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
});

describe.each(ENGINES)('operations on %s', (engine) => {
  beforeEach(() => useEngine(engine));

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

  it.each([0.1, 0.003, 0.7])('drops the share %s, independently, and keeps the mean', (rate) => {
    const kept = dropout(tf.ones([7, 100_003]), rate, randomKey(11)).dataSync<'float32'>();
    const places = kept.length - 100_003;
    /** Places where the value is dropped, and so is the one that far behind it. */
    const share = (lag: number): number => {
      let count = 0;
      for (let i = 0; i < places; i++) if (kept[i] === 0 && kept[i + lag] === 0) count++;
      return count / places;
    };
    const deviation = (p: number): number => 4 * Math.sqrt((p * (1 - p)) / places);
    expect(Math.abs(share(0) - rate)).toBeLessThan(deviation(rate));
    for (const lag of [1, 2, 100_003]) {
      expect(Math.abs(share(lag) - rate ** 2), `lag ${lag}`).toBeLessThan(deviation(rate ** 2) + 1e-5);
    }
    expect(new Set(kept)).toEqual(new Set([0, Math.fround(1 / (1 - rate))]));
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

/** Sizes at which the engine goes through its tensors in several pieces, of unequal length. */
const LARGE: Case[] = [
  { ...caseNamed('addLayerNorm'), shapes: [[13, 101, 801], [13, 101, 801], [801], [801]] },
  { ...caseNamed('gelu'), shapes: [[1031, 1021]] },
  {
    name: 'attention',
    shapes: [
      [5, 293, 6],
      [5, 307, 6],
      [5, 307, 6],
    ],
    run: attend({ heads: 3, dropout: 0.1, key: randomKey(3) }),
  },
];

describe('large operations on ort', () => {
  it.each(LARGE)('$name: equals the composition on cpu', async (test) => {
    const outcome = async (engine: string): Promise<Float32Array[]> => {
      await useEngine(engine);
      const tensors = test.shapes.map((shape, i) => tf.tensor(wave(tf.util.sizeFromShape(shape), i + 1, 1), shape));
      const out = test.run(...tensors);
      const weights = tf.tensor(wave(out.size, 5, 1), out.shape);
      const gradients = tf.grads((...xs) => tf.sum(tf.mul(test.run(...xs), weights)))(tensors);
      return [out, ...gradients].map((x) => x.dataSync<'float32'>());
    };
    const [actual, expected] = [await outcome('ort'), await outcome('cpu')];
    expected.forEach((values, i) => {
      const scale = values.reduce((most, x) => Math.max(most, Math.abs(x)), 1);
      expect(distance(actual[i], values) / scale, `output ${i}`).toBeLessThan(1e-4);
    });
  });
});

describe.each(ENGINES)('answers that are right, on %s', (engine) => {
  beforeEach(() => useEngine(engine));

  it('are the largest of their rows, the first of equals', () => {
    const logits = tf.tensor2d([0, 2, 1, 5, 5, 5, -1, -2, -3], [3, 3]);
    const right = (...labels: number[]): number => countCorrect(logits, Int32Array.from(labels)).dataSync()[0];
    expect([right(1, 0, 0), right(1, 1, 0), right(0, 2, 1)]).toEqual([3, 2, 0]);
    expect(countCorrect(tf.zeros([0, 3]), new Int32Array(0)).dataSync()[0]).toBe(0);
  });

  it('are none where a row holds a NaN', () => {
    const logits = tf.tensor2d([NaN, NaN, NaN, NaN, 1, 2, 3, 1, NaN, 3, 1, 2], [4, 3]);
    for (const label of [0, 1, 2]) {
      const labels = new Int32Array(4).fill(label);
      expect(countCorrect(logits, labels).dataSync()[0]).toBe(label === 0 ? 1 : 0);
    }
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

describe.each(ENGINES)('short vectors on %s', (engine) => {
  beforeEach(() => useEngine(engine));

  it.each([1e-3, 1e-5, 1e-6, 1e-7])('of length %d become unit vectors, as with F.normalize', (length) => {
    const unit = l2Normalize(tf.tensor2d([[0.6 * length, 0.8 * length]])).dataSync();
    expect(Math.hypot(...unit)).toBeCloseTo(1, 4);
  });

  it('of zeros stay zero, with a finite gradient', () => {
    const gradient = tf.grad((x: tf.Tensor) => tf.sum(l2Normalize(x as tf.Tensor2D)));
    expect([...l2Normalize(tf.zeros([1, 3])).dataSync()]).toEqual([0, 0, 0]);
    expect([...gradient(tf.zeros([1, 3])).dataSync()].every(Number.isFinite)).toBe(true);
  });
});
