import * as tf from '@tensorflow/tfjs';
import { randomKey } from '@wbdc/nn';
import { beforeEach, describe, expect, it } from 'vitest';
import { ENGINES, distance, useEngine } from '../../../tools/testing.js';
import { awp, disposeGrads, fgm, pgd, trainLoop } from '../src/index.js';
import { batchAt, loss, newModel, newOptimizer, values } from './helpers.js';

const START = [0.5, -1, 2];
const CURVE = [1, 3, 0.25];
const slope = (p: readonly number[]): number[] => p.map((value, i) => 2 * CURVE[i] * value);
const length = (v: readonly number[]): number => Math.hypot(...v);

/** The gradient at the last point uphill, in plain numbers. */
function disturbedGradient(steps: number, alpha: number, epsilon: number): number[] {
  let last = slope(START);
  let offset = [0, 0, 0];
  for (let step = 0; step < steps; step++) {
    offset = offset.map((value, i) => value + (alpha * last[i]) / length(last));
    const size = length(offset);
    if (size > epsilon) offset = offset.map((value) => (value * epsilon) / size);
    last = slope(START.map((value, i) => value + offset[i]));
  }
  return last;
}

function expectedGradient(steps: number, alpha: number, epsilon: number): number[] {
  const last = disturbedGradient(steps, alpha, epsilon);
  return slope(START).map((value, i) => value + last[i]);
}

/** As pgd's, by shares of the parameter's length, without the clean gradient. */
function expectedOfWeights(steps: number, alpha: number, epsilon: number): number[] {
  return disturbedGradient(steps, alpha * length(START), epsilon * length(START));
}

describe.each(ENGINES)('adversarial training on %s', (engine) => {
  beforeEach(() => useEngine(engine));
  const newParams = () => ({
    word: tf.variable(tf.tensor1d(START)),
    other: tf.variable(tf.scalar(1)),
    unused: tf.variable(tf.scalar(7)),
  });
  const curve = (params: ReturnType<typeof newParams>) => () => {
    return tf.tidy(() => {
      const value = tf.add(tf.sum(tf.mul(tf.square(params.word), CURVE)), params.other) as tf.Scalar;
      return { loss: value, metrics: { loss: { sum: value, count: 1 } } };
    });
  };

  it.each([
    ['fgm', fgm({ pattern: 'word', epsilon: 0.5 }), expectedGradient(1, 0.5, 0.5)],
    ['pgd', pgd({ pattern: '{word,unused}', epsilon: 1, alpha: 0.3, steps: 3 }), expectedGradient(3, 0.3, 1)],
    ['pgd at the edge of its ball', pgd({ pattern: 'word', epsilon: 0.4, alpha: 0.3 }), expectedGradient(3, 0.3, 0.4)],
    ['awp', awp({ pattern: '{word,unused}', epsilon: 0.2 }), expectedOfWeights(1, 0.2, 0.2)],
    ['awp in steps', awp({ pattern: 'word', epsilon: 0.3, steps: 3 }), expectedOfWeights(3, 0.1, 0.3)],
    [
      'awp at the edge of its ball',
      awp({ pattern: 'word', epsilon: 0.1, steps: 2, alpha: 0.08 }),
      expectedOfWeights(2, 0.08, 0.1),
    ],
  ])('%s takes the gradient uphill, and gives all else clean', async (name, gradients, expected) => {
    const params = newParams();
    const before = tf.memory().numTensors;
    const result = await gradients(params, curve(params));
    expect(distance(result.grads.get('word')!.dataSync(), expected)).toBeLessThan(1e-5);
    expect(result.grads.get('other')!.dataSync()[0]).toBe(name.startsWith('awp') ? 1 : 2); // alone, or clean and last
    expect(result.loss).toBeCloseTo(0.25 + 3 + 1 + 1, 5);
    expect(result.metrics.loss.sum).toBe(result.loss);
    expect(Array.from(params.word.dataSync())).toEqual(START);
    disposeGrads(result.grads);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('differs where the ball is the limit', () => {
    expect(expectedGradient(3, 0.3, 0.4)).not.toEqual(expectedGradient(3, 0.3, 1));
  });

  it('says when its pattern matches nothing, or only what gets no gradient, and restores the weights', async () => {
    const params = newParams();
    const before = tf.memory().numTensors;
    await expect(awp({ pattern: 'words' })(params, curve(params))).rejects.toThrow(/adversarial: .*'words'/);
    expect(() => awp({ pattern: 'word', steps: 0 })).toThrow('awp: expected at least 1 step, got 0');
    const refused = async (pattern: string, reason: RegExp, trains?: (path: string) => boolean): Promise<void> => {
      await expect(fgm({ pattern })(params, curve(params), trains)).rejects.toThrow(reason);
    };
    await refused('words', /adversarial: .*'words'.*nearest are word/);
    await refused('unused', /'unused', got none: unused are frozen/);
    await refused('word', /got none/, (path) => path !== 'word');
    let calls = 0;
    const failing = () => {
      if (++calls === 2) throw new Error('second pass');
      return curve(params)();
    };
    await expect(fgm({ pattern: 'word' })(params, failing)).rejects.toThrow('second pass');
    expect(Array.from(params.word.dataSync())).toEqual(START);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('trains in the loop', async () => {
    const run = async (gradients: ReturnType<typeof fgm> | undefined): Promise<number[][]> => {
      const params = newModel();
      const options = { params, optimizer: newOptimizer(params), totalSteps: 3, batchAt, key: randomKey(3) };
      const own = { loss: loss.bind(undefined, params), ...(gradients ? { gradients } : {}) };
      await trainLoop({ ...options, ...own });
      return values(params);
    };
    const disturbed = await run(fgm({ pattern: 'body.weight', epsilon: 0.1 }));
    expect(disturbed).not.toEqual(await run(undefined));
    expect(disturbed).toEqual(await run(fgm({ pattern: 'body.weight', epsilon: 0.1 })));
  });
});
