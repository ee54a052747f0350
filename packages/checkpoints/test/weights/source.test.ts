import { WbdcError } from '@wbdc/io/errors';
import { floats } from '@wbdc/nn';
import { describe, expect, it } from 'vitest';
import {
  countLayers,
  findShape,
  joinSources,
  linearKeys,
  modelOf,
  shapeOf,
  weightsOf,
  withDerived,
  withoutPrefixes,
} from '../../src/index.js';

const values = (...list: number[]) => floats([list.length], Float32Array.from(list));

describe('withoutPrefixes', () => {
  it('drops what stands before all names, one prefix after another', async () => {
    const source = withoutPrefixes(
      weightsOf({ 'module._orig_mod.model.a': values(1), 'module._orig_mod.model.b.c': values(2) }),
    );
    expect([...source.tensors.keys()]).toEqual(['a', 'b.c']);
    expect((await source.read('b.c')).data).toEqual(Float32Array.of(2));
  });

  it('leaves names alone that do not all have it, and a checkpoint without tensors', () => {
    const source = weightsOf({ 'module.a': values(1), b: values(2) });
    expect(withoutPrefixes(source)).toBe(source);
    expect(withoutPrefixes(weightsOf({})).tensors.size).toBe(0);
  });
});

it('joins checkpoints', async () => {
  const source = joinSources(weightsOf({ a: values(1) }, 'x'), weightsOf({ b: values(2, 3) }, 'y'));
  expect(source.path).toBe('x and y');
  expect([...source.tensors].map(([name, { shape }]) => [name, shape])).toEqual([
    ['a', [1]],
    ['b', [2]],
  ]);
  expect((await source.read('b')).data).toEqual(Float32Array.of(2, 3));
  await expect(source.read('c')).rejects.toThrow("x and y: expected a tensor 'c', got none");
});

it('computes tensors in the place of others', async () => {
  const source = withDerived(weightsOf({ a: values(1, 2), b: values(10), c: values(5) }), [
    {
      name: 'a',
      shape: [2],
      from: ['a', 'b'],
      values: async (read) => {
        const [a, b] = [await read('a'), await read('b')];
        return Float32Array.from(a.data, (value) => value + b.data[0]);
      },
    },
  ]);
  expect([...source.tensors.keys()].sort()).toEqual(['a', 'c']);
  expect((await source.read('a')).data).toEqual(Float32Array.of(11, 12));
  expect((await source.read('c')).data).toEqual(Float32Array.of(5));
});

it('tells sizes that stand in the tensors alone', () => {
  const source = weightsOf({ 'x.0.a': values(1), 'x.1.a': values(1), 'x.1.b': values(1), 'y.weight': floats([3, 2]) });
  expect(countLayers(source, 'x.')).toBe(2);
  expect(findShape(source, { entries: linearKeys('p', ['z', 'y']), unused: [] }, 'p.weight')).toEqual([3, 2]);
  expect(findShape(source, { entries: linearKeys('p', ['z', 'y']), unused: [] }, 'p.bias')).toBeUndefined();
  expect(shapeOf(source, 'y.weight')).toEqual([3, 2]);
  expect(() => shapeOf(source, 'z')).toThrow("memory: expected a tensor 'z', got none");
});

it('what a model says of its sizes is told as the fault of their file', () => {
  expect(modelOf('a/config.json', () => 7)).toBe(7);
  const wrong = () =>
    modelOf('a/config.json', () => {
      throw new RangeError('expected heads from 1, got 0');
    });
  expect(wrong).toThrow(WbdcError);
  expect(wrong).toThrow('a/config.json: expected the sizes of a model, got others (expected heads from 1, got 0)');
  expect(() =>
    modelOf('a', () => {
      throw new TypeError('a fault of the program');
    }),
  ).toThrow(TypeError);
});
