import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, it } from 'vitest';
import { useEngine } from '../../../tools/testing.js';
import { disposeTree, flatten, floats, mapTree, unflatten } from '../src/index.js';

beforeAll(() => useEngine('cpu'));

it('names parameters by their path, lists by index, in order', () => {
  const tree = { b: { weight: tf.zeros([2]) }, a: [{ x: tf.zeros([3]) }, { x: tf.zeros([5]) }], rate: 0.1 };
  expect(flatten(tree).map(({ path, leaf }) => [path, leaf.size])).toEqual([
    ['b.weight', 2],
    ['a.0.x', 3],
    ['a.1.x', 5],
  ]);
  const mapped = mapTree(tree, (leaf, path) => tf.fill(leaf.shape, path.length));
  expect(mapped.a[1].x.dataSync()[0]).toBe(5);
  expect(Array.isArray(mapped.a)).toBe(true);
  expect(mapped.rate).toBe(0.1);
});

it('builds the tree of paths and leaves', () => {
  const tree = { b: { weight: tf.zeros([2]) }, a: [{ x: tf.zeros([3]) }, { x: tf.zeros([5]) }] };
  const again = unflatten(flatten(tree)) as typeof tree;
  expect(Object.keys(again)).toEqual(['b', 'a']);
  expect(Array.isArray(again.a)).toBe(true);
  expect(flatten(again)).toEqual(flatten(tree));
  expect(again.a[1].x).toBe(tree.a[1].x);
});

it('frees all parameters', () => {
  const before = tf.memory().numTensors;
  disposeTree({ a: [tf.zeros([2])], b: tf.zeros([3]) });
  expect(tf.memory().numTensors).toBe(before);
});

it('checks the size of host arrays', () => {
  expect(() => floats([2, 3], new Float32Array(5))).toThrow('expected 6 values for the shape [2, 3], got 5');
});
