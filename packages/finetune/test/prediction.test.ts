import { describe, expect, it } from 'vitest';
import type { Batch } from '@wbdc/nn';
import * as tf from '@tensorflow/tfjs';
import { chooseClasses, countClasses, favourRareClasses, predictBatches } from '../src/index.js';

describe('rare classes', () => {
  it('are favoured by p (10 / count + 1), one without samples as one with a single one', () => {
    const probabilities = Float32Array.of(0.6, 0.3, 0.1, 0.9, 0.1, 0);
    favourRareClasses(probabilities, [1000, 10, 0]);
    expect([...probabilities].map((p) => p.toFixed(3))).toEqual(['0.606', '0.600', '1.100', '0.909', '0.200', '0.000']);
  });

  it('win where asked, and leave the probabilities alone', () => {
    const [probabilities, classes] = [Float32Array.of(0.6, 0.4, 0.4, 0.6), ['0100', '0101']];
    const counts = [100, 1]; // 0.6 x 1.1 against 0.4 x 11
    expect(chooseClasses(probabilities, classes)).toEqual(['0100', '0101']);
    expect(chooseClasses(probabilities, classes, { counts, strength: 0 })).toEqual(['0100', '0101']);
    expect(chooseClasses(probabilities, classes, { counts, strength: 10 })).toEqual(['0101', '0101']);
    expect([...probabilities]).toEqual([...Float32Array.of(0.6, 0.4, 0.4, 0.6)]);
  });

  it('are counted in the order of the classes', () => {
    expect([...countClasses(['b', 'a', 'b'], ['a', 'b', 'c'])]).toEqual([1, 2, 0]);
    expect(() => countClasses(['d'], ['a', 'b'])).toThrow("expected labels among the 2 classes, got 'd'");
  });
});

it('of equal probabilities the first class is chosen', () => {
  expect(chooseClasses(Float64Array.of(0.25, 0.5, 0.5), ['a', 'b', 'c'])).toEqual(['b']);
});

describe('a row that is no answer', () => {
  it('has no class', () => {
    const rows = Float32Array.of(0.5, 0.5, NaN, NaN);
    expect(() => chooseClasses(rows, ['a', 'b'])).toThrow('expected probabilities, got NaN in row 1');
    expect(() => chooseClasses(Float32Array.of(Infinity, 0), ['a', 'b'])).toThrow('got Infinity in row 0');
  });

  it('is told by its video', async () => {
    await tf.setBackend('cpu');
    const batch = { ids: ['cat', 'dog', 'bird'] } as Partial<Batch> as Batch;
    const logits = [1, 2, 3e38, 3e38, 0, 0];
    async function* batches(): AsyncGenerator<Batch> {
      yield batch;
    }
    const overflowing = (): tf.Tensor2D => tf.softmax(tf.mul<tf.Tensor2D>(tf.tensor2d(logits, [3, 2]), 10));
    await expect(predictBatches(batches(), overflowing).next()).rejects.toThrow(
      'dog: expected probabilities, got NaN: its logits are too large for float32',
    );
  });
});
