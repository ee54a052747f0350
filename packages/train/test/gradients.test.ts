import * as tf from '@tensorflow/tfjs';
import { beforeEach, describe, expect, it } from 'vitest';
import { ENGINES, distance, useEngine } from '../../../tools/testing.js';
import { addGrads, clipScale, disposeGrads, globalNorm, gradNorms, valueAndGrad } from '../src/index.js';

describe.each(ENGINES)('valueAndGrad on %s', (engine) => {
  beforeEach(() => useEngine(engine));
  const newParams = (): Record<'a' | 'b' | 'c', tf.Variable> => ({
    a: tf.variable(tf.tensor1d([1, 2, 3])),
    b: tf.variable(tf.tensor1d([5, 7, 11])),
    c: tf.variable(tf.scalar(13)),
  });

  it('gives the loss, metrics and gradients, lists what the loss does not reach, and keeps nothing else', async () => {
    const params = newParams();
    const before = tf.memory().numTensors;
    const result = await valueAndGrad(params, () => {
      const loss = tf.sum(tf.mul(tf.square(params.a), params.b)) as tf.Scalar;
      const count = tf.sum(tf.cast(tf.greater(params.a, 1), 'int32')) as tf.Scalar;
      return {
        loss,
        metrics: { loss: { sum: loss, count: 1 }, large: { sum: count, count: 3 }, n: { sum: 4, count: 2 } },
      };
    });
    expect(tf.memory().numTensors).toBe(before + 2);
    expect(result.loss).toBe(1 * 5 + 4 * 7 + 9 * 11);
    expect(result.metrics).toEqual({
      loss: { sum: 132, count: 1 },
      large: { sum: 2, count: 3 },
      n: { sum: 4, count: 2 },
    });
    expect(result.unreached).toEqual(['c']);
    expect(distance(result.grads.get('a')!.dataSync(), [10, 28, 66])).toBe(0);
    expect(distance(result.grads.get('b')!.dataSync(), [1, 4, 9])).toBe(0);
    disposeGrads(result.grads);
  });

  it('hands gradients over one by one, the last layers first, whole and to the last bit', async () => {
    const [first, second, tied] = [1, 2, 3].map((i) => tf.variable(tf.randomUniform([4, 4], -1, 1, 'float32', i)));
    const params = { first, second, tied, unused: tf.variable(tf.scalar(1)) };
    const handed = new Map<string, number[] | undefined>();
    const hand = (path: string, grad: tf.Tensor | undefined): void => {
      expect(handed.has(path)).toBe(false);
      handed.set(path, grad && [...grad.dataSync()]);
    };
    const before = tf.memory().numTensors;
    const { grads, unreached } = await valueAndGrad(
      params,
      () => {
        const x = tf.matMul(tf.ones([2, 4]), tied) as tf.Tensor2D;
        const hidden = tf.tanh(tf.matMul(tf.tanh(tf.matMul(x, first)), second)) as tf.Tensor2D;
        tf.sum(tf.mul(second, first)); // leads nowhere
        return { loss: tf.mean<tf.Scalar>(tf.square(tf.matMul(hidden, tied, false, true))), metrics: {} };
      },
      undefined,
      { exchange: () => ({ hand, whole: (part) => part }) },
    );
    const early = ['webgl', 'webgpu'].includes(engine) ? [] : ['unused', 'second', 'first', 'tied'];
    expect([...handed.keys()]).toEqual(early);
    for (const [path, values] of handed)
      expect(values).toEqual(grads.has(path) ? [...grads.get(path)!.dataSync()] : undefined);
    expect(unreached).toEqual(['unused']);
    disposeGrads(grads);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('computes only what trains', async () => {
    const params = newParams();
    const f = () => ({ loss: tf.sum(tf.add(params.a, params.b)) as tf.Scalar, metrics: {} });
    const result = await valueAndGrad(params, f, (path) => path === 'b');
    expect([...result.grads.keys()]).toEqual(['b']);
    await expect(valueAndGrad(params, f, (path) => path === 'c')).rejects.toThrow(/expected the loss to depend on/);
    await expect(valueAndGrad(params, f, () => false)).rejects.toThrow(/parameters to train, got none/);
  });

  it('adds gradients, and measures and clips their norm', async () => {
    const before = tf.memory().numTensors;
    const sum = addGrads(
      new Map<string, tf.Tensor>([
        ['a', tf.tensor1d([1, 2])],
        ['b', tf.scalar(6)],
      ]),
      new Map<string, tf.Tensor>([
        ['a', tf.tensor1d([2, 2])],
        ['c', tf.tensor1d([0, 12])],
      ]),
    );
    expect(await gradNorms(sum)).toEqual(
      new Map([
        ['a', 5],
        ['b', 6],
        ['c', 12],
      ]),
    );
    expect(globalNorm(await gradNorms(sum))).toBeCloseTo(Math.sqrt(205));
    disposeGrads(sum);
    expect(tf.memory().numTensors).toBe(before);
    expect(clipScale(4, 1)).toBeCloseTo(0.25, 6);
    expect(clipScale(0.5, 1)).toBe(1);
    expect(clipScale(3, Infinity)).toBe(1);
  });
});
