import * as tf from '@tensorflow/tfjs';
import type { Scalar, Tensor } from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { differentiable, gelu, gradientsOf } from '../src/index.js';

describe('gradientsOf', () => {
  beforeAll(() => tf.setBackend('cpu'));

  /** Of two outputs one leads nowhere; y is read twice, z by what the value does not depend on, w by nothing. */
  const value = (x: Tensor, y: Tensor, z: Tensor): Scalar => {
    const [first] = tf.unstack(gelu(x));
    tf.mul(z, 2);
    return tf.sum(tf.mul(first, tf.add(y, tf.square(y))));
  };

  it("gives what tfjs's own gives, and leaves nothing behind", () => {
    const x = tf.tensor2d([0.5, -1, 2, 0.25], [2, 2]);
    const [y, z, w] = [tf.tensor1d([3, -2]), tf.tensor1d([1, 1]), tf.tensor1d([1, 1])];
    const before = tf.memory().numTensors;
    const own = gradientsOf(() => value(x, y, z), [x, y, z, w]);
    expect(tf.memory().numTensors - before).toBe(3); // the value and two gradients
    const theirs = tf.engine().gradients(() => value(x, y, z), [x, y, z, w], undefined, true);
    expect(Array.from(own.value.dataSync())).toEqual(Array.from(theirs.value.dataSync()));
    own.grads.forEach((grad, i) => {
      expect(grad && Array.from(grad.dataSync())).toEqual(
        theirs.grads[i] ? Array.from(theirs.grads[i].dataSync()) : undefined,
      );
    });
    expect(own.grads.map((grad) => grad !== undefined)).toEqual([true, true, false, false]);
    tf.dispose([x, y, z, w, own.value, theirs.value, ...own.grads, ...theirs.grads] as Tensor[]);
  });

  it('frees what was saved where the function fails', () => {
    const x = tf.tensor1d([1, 2]);
    const before = tf.memory().numTensors;
    const failing = (): Scalar => {
      gelu(x);
      throw new Error('no');
    };
    expect(() => gradientsOf(failing, [x])).toThrow('no');
    expect(tf.memory().numTensors).toBe(before);
    x.dispose();
  });

  it('says which operation gives a gradient of another shape', () => {
    const x = tf.tensor1d([1, 2]);
    const wrong = (): Scalar =>
      tf.sum(
        differentiable<Tensor>(
          [x],
          () => ({ value: tf.square(x), saved: [] }),
          () => [tf.ones([3])],
        ),
      );
    expect(() => gradientsOf(wrong, [x])).toThrow("'0' of differentiable: expected [2] of float32, got [3] of float32");
    x.dispose();
  });
});
