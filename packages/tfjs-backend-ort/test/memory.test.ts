import * as tf from '@tensorflow/tfjs';
import { beforeEach, describe, expect, it } from 'vitest';
import { distance, wave } from '../../../tools/testing.js';
import { drainBuffers, ortStatistics, registerOrtBackend } from '../src/index.js';

const SHAPE = [43, 47];
const SIZE = 43 * 47;

beforeEach(async () => {
  registerOrtBackend();
  await tf.setBackend('ort');
  drainBuffers();
});

/** A native result, so in a recycled buffer. */
function fresh(phase: number): tf.Tensor2D {
  return tf.tidy(() => tf.neg(tf.tensor2d(wave(SIZE, phase), SHAPE as [number, number])));
}

const expected = (phase: number): Float32Array => wave(SIZE, phase).map((v) => -v);

/** Takes every free buffer of this size and overwrites it. */
function overwriteFreeMemory(): void {
  tf.tidy(() => {
    for (let i = 0; i < 7; i++) fresh(100 + i);
    tf.fill([SIZE * 3], 9);
  });
}

function expectValues(tensor: tf.Tensor, values: ArrayLike<number>): void {
  overwriteFreeMemory();
  expect(distance(tensor.dataSync(), values)).toBe(0);
}

describe('recycling', () => {
  it('reuses the memory of disposed tensors', () => {
    fresh(1).dispose();
    const { heldBytes } = ortStatistics().pool;
    for (let i = 0; i < 10_000; i++) fresh(i).dispose();
    expect(ortStatistics().pool.heldBytes).toBe(heldBytes);
    expect(drainBuffers()).toBeGreaterThanOrEqual(SIZE * 4);
    expect(ortStatistics().pool).toMatchObject({ heldBytes: 0, freeBytes: 0 });
  });

  it('never touches what a user has read', async () => {
    const x = fresh(2);
    const [sync, async] = [x.dataSync(), await x.data()];
    x.dispose();
    overwriteFreeMemory();
    expect(distance(sync, expected(2))).toBe(0);
    expect(distance(async, expected(2))).toBe(0);
  });

  it('never takes the array that a user made a tensor of', () => {
    const values = wave(SIZE, 3);
    const x = tf.tensor(values, SHAPE);
    x.dispose();
    overwriteFreeMemory();
    expect(distance(values, wave(SIZE, 3))).toBe(0);
  });

  it.each<[string, (x: tf.Tensor2D) => tf.Tensor]>([
    ['a reshaped tensor', (x) => tf.reshape(x, [SIZE])],
    ['a clone', (x) => tf.clone(x)],
    ['a variable', (x) => tf.variable(x)],
    ['a cast to the same type', (x) => tf.cast(x, 'float32')],
    ['an expanded tensor', (x) => tf.expandDims(x, 1)],
    [
      'an assigned variable',
      (x) => {
        const v = tf.variable(tf.zeros(SHAPE));
        v.assign(x);
        return v;
      },
    ],
    ['the real part of a complex tensor', (x) => tf.tidy(() => tf.real(tf.complex(x, tf.zerosLike(x))))],
  ])('keeps the memory of %s', (_, derive) => {
    const x = fresh(4);
    const y = derive(x);
    x.dispose();
    expectValues(y, expected(4));
    y.dispose();
  });

  it('keeps the memory of a complex tensor when its parts are disposed', () => {
    const [real, imag] = [fresh(5), fresh(6)];
    const z = tf.complex(real, imag);
    tf.dispose([real, imag]);
    overwriteFreeMemory();
    const [re, im] = [tf.real(z), tf.imag(z)];
    expectValues(re, expected(5));
    expectValues(im, expected(6));
    tf.dispose([z, re, im]);
  });

  it('keeps the memory behind a view that an inherited kernel made', () => {
    const rows = 331;
    const x = tf.tidy(() => tf.greater(tf.tensor2d(wave(rows * 17, 7), [rows, 17]), 0));
    const part = tf.slice(x, [11, 0], [13, 17]); // bool: tfjs gives a subarray
    const values = Array.from(part.dataSync());
    x.dispose();
    tf.tidy(() => {
      for (let i = 0; i < 5; i++) tf.less(tf.fill([rows, 17], 1), 2);
    });
    expect(Array.from(part.dataSync())).toEqual(values);
    expect(new Set(values)).toEqual(new Set([0, 1]));
    part.dispose();
  });

  it('keeps values that move between engines', async () => {
    const x = fresh(8);
    await tf.setBackend('cpu');
    const y = tf.square(x);
    await tf.setBackend('ort');
    overwriteFreeMemory();
    const z = tf.neg(y);
    expectValues(x, expected(8));
    expectValues(
      z,
      expected(8).map((v) => -(v * v)),
    );
    tf.dispose([x, y, z]);
  });

  it('gives back what a failed operation took', () => {
    const before = tf.memory().numDataBuffers;
    const x = fresh(9);
    const wrong = { x, indices: tf.tensor1d([47], 'int32') };
    expect(() => tf.gather(x, wrong.indices, 1)).toThrow('gather: expected indices in [0, 47) along axis 1, got 47');
    tf.dispose(wrong);
    expect(tf.memory().numDataBuffers).toBe(before);
    expect(tf.engine().backend.numDataIds()).toBe(before);
  });
});

/** A two-layer network on fixed data, plain gradient descent. */
function trainer(): { step(rows: number): number; dispose(): void } {
  const weights = [
    tf.variable(tf.tensor2d(wave(61 * 127, 1, 0.2), [61, 127])),
    tf.variable(tf.tensor2d(wave(127 * 31, 2, 0.2), [127, 31])),
  ];
  const step = (rows: number): number =>
    tf.tidy(() => {
      const x = tf.tensor2d(wave(rows * 61, 3, 1), [rows, 61]);
      const y = tf.tensor2d(wave(rows * 31, 4, 1), [rows, 31]);
      const loss = (): tf.Scalar => {
        const hidden = tf.tanh(tf.matMul(x, weights[0]));
        const out = tf.softmax(tf.matMul(hidden, weights[1]));
        return tf.mean(tf.squaredDifference(out, y));
      };
      const { value, grads } = tf.variableGrads(loss, weights);
      for (const w of weights) w.assign(tf.sub(w, tf.mul(grads[w.name], 0.5)));
      return value.dataSync()[0];
    });
  return { step, dispose: () => tf.dispose(weights) };
}

describe('200 training steps', () => {
  it('leave tensor count, buffers and memory where they were, at changing batch sizes', () => {
    const { step, dispose } = trainer();
    const sizes = [59, 127, 251, 97];
    const losses = Array.from({ length: 20 }, (_, i) => step(sizes[i % 4]));
    const { numTensors, numDataBuffers } = tf.memory();
    const { heldBytes } = ortStatistics().pool;
    const rss = process.memoryUsage().rss;
    for (let i = 0; i < 200; i++) losses.push(step(sizes[i % 4]));
    expect(tf.memory()).toMatchObject({ numTensors, numDataBuffers });
    expect(tf.engine().backend.numDataIds()).toBe(numDataBuffers);
    expect(ortStatistics().pool.heldBytes).toBe(heldBytes);
    expect(process.memoryUsage().rss - rss).toBeLessThan(64e6);
    expect(losses[216]).toBeLessThan(losses[0]);
    dispose();
  });

  it('give on this engine the losses that they give on cpu', async () => {
    const run = (): number[] => {
      const { step, dispose } = trainer();
      const losses = Array.from({ length: 5 }, () => step(29));
      dispose();
      return losses;
    };
    const actual = run();
    await tf.setBackend('cpu');
    expect(distance(actual, run())).toBeLessThan(1e-5);
  });
});
