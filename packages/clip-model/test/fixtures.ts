import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { flatten, type ParamTree } from '@wbdc/nn';
import { expect } from 'vitest';
import { distance, wave } from '../../../tools/testing.js';

export const FIXTURES = new URL('fixtures/', import.meta.url);

export function fixtureJson<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(name, FIXTURES), 'utf8')) as T;
}

/** What clip_vision.py and clip_text.py write of a tower. */
export interface TowerFixture {
  readonly hidden: number[];
  readonly pooled: number[];
  readonly projected: number[];
  readonly gradients: Record<string, number[]>;
}

/** A sum of which every value has a gradient of its own. */
export function weighted(t: tf.Tensor, i: number): tf.Scalar {
  return tf.sum(tf.mul(t, tf.tensor(wave(t.size, 0.5 + i, 1), t.shape)));
}

/** Compares a tower's states with a fixture, and the gradients of their sum, each weighted by a wave. */
export function compareTower(
  params: ParamTree,
  forward: () => { hidden: tf.Tensor; pooled: tf.Tensor; projected?: tf.Tensor },
  expected: TowerFixture,
): void {
  const leaves = flatten(params);
  const states = (): tf.Tensor[] => {
    const { hidden, pooled, projected } = forward();
    return [hidden, pooled, projected!];
  };
  states().forEach((state, i) => {
    const reference = [expected.hidden, expected.pooled, expected.projected][i];
    expect(distance(state.dataSync(), reference)).toBeLessThan(1e-5);
  });
  const gradients = tf.grads(() => tf.addN(states().map(weighted)))(leaves.map(({ leaf }) => leaf));
  expect(leaves.map(({ path }) => path).sort()).toEqual(Object.keys(expected.gradients).sort());
  leaves.forEach(({ path }, i) => {
    expect(distance(gradients[i].dataSync(), expected.gradients[path]), path).toBeLessThan(1e-4);
  });
}
