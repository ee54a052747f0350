import * as tf from '@tensorflow/tfjs';
import type { DropMask } from '@wbdc/nn/kernels';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { distance, ENGINES, useEngine, wave } from '../../../tools/testing.js';
import { nodeBackend, type NodeBackend } from '../src/binding.js';
import { Bfloat16Error, bfloat16Speedup, profileOperations, registerNodeKernels } from '../src/index.js';
import { attentionKernels } from '../src/kernels/attention.js';
import { bfloat16MatMul } from '../src/kernels/matmul.js';
import { run } from '../src/run.js';

describe('registerNodeKernels', () => {
  it('wants tfjs-node to be there', () => {
    expect(() => registerNodeKernels()).toThrow(/^expected tfjs-node's backend 'tensorflow', got none: import /);
  });
});

const make = (shape: number[], phase: number): tf.Tensor => tf.tensor(wave(tf.util.sizeFromShape(shape), phase), shape);

// Values and gradients of the fused kernels: packages/nn/test/ops.test.ts and packages/train/test/adamw.test.ts.
describe.skipIf(!ENGINES.includes('tensorflow'))('on tfjs-node', () => {
  let backend: NodeBackend;
  let handles: () => number;

  beforeAll(async () => {
    await useEngine('tensorflow');
    backend = nodeBackend();
    const { binding } = tf.backend() as unknown as { binding: { getNumOfTensors(): number } };
    handles = () => binding.getNumOfTensors();
  });
  afterEach(() => registerNodeKernels());

  it('tells what operations cost, and no longer than asked', () => {
    const x = make([3, 5], 0);
    const before = nodeBackend().binding;
    const { result, operations } = profileOperations(() => tf.tidy(() => tf.add(tf.relu(x), tf.relu(x)).shape));
    expect(result).toEqual([3, 5]);
    const calls = operations.map(({ operation, calls }) => [operation, calls]);
    expect(calls.sort()).toEqual([
      ['Add', 1],
      ['Relu', 2],
    ]);
    expect(operations.every(({ milliseconds }) => milliseconds > 0)).toBe(true);
    expect(() => profileOperations(() => tf.reshape(x, [4, 4]))).toThrow();
    expect(nodeBackend().binding).toBe(before);
  });

  describe('run', () => {
    it('leaves its results alone in memory, also where a step fails', () => {
      const x = make([3, 5], 0);
      const lines = 'a = Mul (x, 3)\nb = Reshape (a, shape)\ny = Transpose (b, [1, 0])';
      tf.dispose(run(backend, lines, { x, shape: [5, 3] }, ['y'])); // keeps its constants
      const before = handles();
      const [y] = run(backend, lines, { x, shape: [5, 3] }, ['y']);
      expect(y.shape).toEqual([3, 5]);
      expect(handles()).toBe(before + 1);
      y.dispose();
      expect(() => run(backend, lines, { x, shape: [4, 4] }, ['y'])).toThrow(/Reshape|reshape/);
      expect(() => run(backend, 'a = Mul (x, 3)\ny = Mul (a, z)', { x }, ['y'])).toThrow("expected a value 'z'");
      expect(handles()).toBe(before);
      x.dispose();
    });
  });

  describe('products in bfloat16', () => {
    it.each(['', 'a', 'b', 'ab'])('are those of rounded matrices, rounded, with %j transposed', (transposed) => {
      const [transposeA, transposeB] = [transposed.includes('a'), transposed.includes('b')];
      tf.tidy(() => {
        const a = make(transposeA ? [2, 29, 37] : [2, 37, 29], 0);
        const b = make(transposeB ? [2, 41, 29] : [2, 29, 41], 1);
        const y = bfloat16MatMul({ backend, inputs: { a, b }, attrs: { transposeA, transposeB } }) as tf.Tensor;
        const expected = rounded(tf.matMul(rounded(a), rounded(b), transposeA, transposeB));
        expect(y.dtype).toBe('float32');
        // Sums in another order may round to the neighbour: one unit in the last of 8 bits.
        expect(distance(y.dataSync(), expected.dataSync())).toBeLessThanOrEqual(2 ** -7 * maximum(expected));
      });
    });

    it('differ from those of float32 by their rounding, in attention and its gradients', () => {
      const attrs = { heads: 2, scale: 0.35, drop: everyFifth };
      tf.tidy(() => {
        const [q, k, v, dy] = [
          [2, 7, 16],
          [2, 5, 16],
          [2, 5, 16],
          [2, 7, 16],
        ].map(make);
        const bias = tf.tensor([0, 0, 0, 0, 0, 0, 0, 0, -1e9, -1e9], [2, 1, 1, 5]);
        const both = (['fp32', 'bf16'] as const).map((precision) => {
          const { WbdcAttention, WbdcAttentionGrad } = attentionKernels(precision);
          const [y, w] = WbdcAttention({ backend, inputs: { q, k, v, bias }, attrs });
          return [y, w, ...WbdcAttentionGrad({ backend, inputs: { dy, q, k, v, w }, attrs })];
        });
        both[0].forEach((exact, i) => {
          const difference = distance(both[1][i].dataSync(), exact.dataSync());
          expect(difference).toBeLessThan(0.02 * maximum(exact));
          expect(difference).toBeGreaterThan(0);
        });
      });
    });

    it('are refused where they are no faster, and taken back with fp32', () => {
      const [a, b] = [make([64, 64], 0), make([64, 64], 1)];
      const values = (): ArrayLike<number> => tf.tidy(() => tf.matMul(a, b).dataSync());
      const exact = values();
      if (bfloat16Speedup() >= 1.2) {
        registerNodeKernels({ precision: 'bf16' });
        expect(distance(values(), exact)).toBeGreaterThan(1e-5);
        expect(tf.tidy(() => tf.matMul(tf.cast(a, 'int32'), tf.cast(b, 'int32')).dtype)).toBe('int32');
      } else {
        expect(() => registerNodeKernels({ precision: 'bf16' })).toThrow(Bfloat16Error);
      }
      registerNodeKernels({ precision: 'fp32' });
      expect(distance(values(), exact)).toBe(0);
      tf.dispose([a, b]);
    });
  });
});

/** To the nearest float of 8 bits, ties to even. */
function rounded(x: tf.Tensor): tf.Tensor {
  const bits = new Int32Array(x.dataSync<'float32'>().buffer);
  const words = bits.map((word) => (word + 0x7fff + ((word >>> 16) & 1)) & ~0xffff);
  return tf.tensor(new Float32Array(words.buffer), x.shape);
}

const maximum = (x: tf.Tensor): number => Math.max(...x.dataSync().map(Math.abs));

/** Drops every fifth value. */
const everyFifth: DropMask = {
  key: [0, 0],
  rate: 0.2,
  scale: 1.25,
  gaps: new Uint32Array(65_536).fill(5),
  apply: (values, _firstRow, _rows, factor) => {
    for (let i = 0; i < values.length; i += 5) values[i] *= factor;
  },
};
