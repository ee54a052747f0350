import * as tf from '@tensorflow/tfjs';
import { disposeTree, flatten, floats, newVector } from '@wbdc/nn';
import { beforeAll, describe, expect, it } from 'vitest';
import { useEngine, wave } from '../../../../tools/testing.js';
import {
  assertLayerCounts,
  linearKeys,
  readParams,
  readWeights,
  weightsOf,
  type ParamShapes,
} from '../../src/index.js';

beforeAll(() => useEngine('cpu'));

const shapes: ParamShapes = new Map([
  ['body.weight', [2, 3]],
  ['body.bias', [3]],
  ['side.weight', [3, 5]],
  ['side.bias', [5]],
]);

const body = { 'encoder.body.weight': floats([2, 3], wave(6, 1)), 'encoder.body.bias': floats([3], wave(3, 2)) };
const side = { 'encoder.side.weight': floats([3, 5], wave(15, 3)), 'encoder.side.bias': floats([5], wave(5, 4)) };
const head = { 'head.output.bias': floats([7]) };

interface Tree {
  readonly body: { readonly weight: tf.Tensor; readonly bias: tf.Tensor };
  readonly side: { readonly weight: tf.Tensor; readonly bias: tf.Tensor };
}

describe('readParams', () => {
  it('reads a tree by its paths behind a prefix, as variables in the order of the shapes', async () => {
    const params = await readParams<Tree>(shapes, weightsOf({ ...head, ...side, ...body }), 'encoder.');
    expect(flatten(params).map(({ path }) => path)).toEqual([...shapes.keys()]);
    expect(params.side.weight).toBeInstanceOf(tf.Variable);
    expect(params.side.weight.dataSync()).toEqual(wave(15, 3));
    disposeTree(params);
  });

  it('refuses weights that are no numbers, and leaves no tensors', async () => {
    const damaged = { ...body, ...side, 'encoder.side.bias': floats([5], Float32Array.of(1, 2, NaN, 4, 5)) };
    const before = tf.memory().numTensors;
    await expect(readParams(shapes, weightsOf(damaged, 'model.safetensors'), 'encoder.')).rejects.toThrow(
      'model.safetensors: encoder.side.bias: expected finite weights, got NaN at index 2: take an earlier checkpoint',
    );
    expect(tf.memory().numTensors).toBe(before);
  });

  it('compares all sizes before it reads', async () => {
    const source = { ...weightsOf({ ...body, ...side }), read: () => Promise.reject(new Error('read')) };
    const wrong = new Map([...shapes, ['side.bias', [6]], ['side.extra', [1]]]);
    await expect(readParams(wrong, source, 'encoder.')).rejects.toThrow(
      /'side\.extra': expected a tensor encoder\.side\.extra, got none[^]*'side\.bias'.* of shape \[6\], got \[5\]/,
    );
  });

  it('leaves nothing behind where reading fails', async () => {
    const all = weightsOf({ ...body, ...side });
    const source = {
      ...all,
      read: (name: string) => (name.includes('side') ? Promise.reject(new Error('cut')) : all.read(name)),
    };
    const before = tf.memory().numTensors;
    await expect(readParams(shapes, source, 'encoder.')).rejects.toThrow('cut');
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('readWeights with parts that may be missing', () => {
  const keyMap = {
    entries: [...linearKeys('body', ['b']), ...linearKeys('side', ['s'])],
    unused: [],
  };
  const theirs = { 'b.weight': floats([3, 2], wave(6, 1)), 'b.bias': floats([3]) };
  const makeSide = () => ({ weight: tf.variable(tf.ones([3, 5])), bias: newVector(5, 2) });

  it('makes what is missing, and says so', async () => {
    const { params, report } = await readWeights<Tree>(shapes, keyMap, weightsOf(theirs), {
      fresh: new Map([['side', makeSide]]),
    });
    expect(params.body.weight.dataSync()[1]).toBe(theirs['b.weight'].data[2]);
    expect([...params.side.bias.dataSync()]).toEqual([2, 2, 2, 2, 2]);
    expect(report.missing.map(({ path, shape }) => [path, shape])).toEqual([
      ['side.weight', [3, 5]],
      ['side.bias', [5]],
    ]);
    disposeTree(params);
  });

  it('makes nothing that is there', async () => {
    const full = weightsOf({ ...theirs, 's.weight': floats([5, 3]), 's.bias': floats([5]) });
    const fresh = new Map([['side', () => expect.fail('made in vain')]]);
    const { params, report } = await readWeights<Tree>(shapes, keyMap, full, { fresh });
    expect(report.missing).toEqual([]);
    disposeTree(params);
  });

  it('refuses half of a part', async () => {
    const half = weightsOf({ ...theirs, 's.bias': floats([5]) });
    await expect(readWeights(shapes, keyMap, half, { fresh: new Map([['side', makeSide]]) })).rejects.toThrow(
      /'side\.weight': the checkpoint has 'side' without it/,
    );
  });
});

it('refuses more layers than tensors', () => {
  const source = weightsOf({ ...body, ...side });
  expect(() => assertLayerCounts({ layers: 4 }, source)).not.toThrow();
  expect(() => assertLayerCounts({ layers: 4, videoLayers: 1e9 }, source)).toThrow(
    'memory: expected tensors of 1000000000 videoLayers, got 4 tensors in all',
  );
});
