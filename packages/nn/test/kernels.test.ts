import * as tf from '@tensorflow/tfjs';
import type { Tensor, TensorInfo } from '@tensorflow/tfjs';
import { afterEach, beforeAll, describe, expect, expectTypeOf, it } from 'vitest';
import { dropout, foldIn, fusedKernel, randomKey, type Key } from '../src/index.js';
import type { AttentionAttributes, DefineKernels, DropMask, FusedKernel, KernelCall } from '../src/kernels.js';

class Backend {
  readonly name = 'test';
}
const defineKernels: DefineKernels<Backend> = (kernels) => kernels;
declare const a: TensorInfo, b: TensorInfo, c: TensorInfo, d: TensorInfo;

// Never called: `tsc -p tsconfig.test.json` is the test, which fails where an error expected here is none.
export function registrations(): unknown {
  return [
    defineKernels({
      WbdcLayerNorm: ({ backend, inputs: { x, gamma, beta }, attrs: { epsilon } }) => {
        expectTypeOf(backend).toEqualTypeOf<Backend>();
        expectTypeOf({ x, gamma, beta }).toEqualTypeOf<Record<'x' | 'gamma' | 'beta', TensorInfo>>();
        expectTypeOf(epsilon).toEqualTypeOf<number>();
        return [a, b, c];
      },
      WbdcGelu: ({ inputs: { x }, attrs: { form } }) => (form === 'erf' ? [x] : [x, b]),
      WbdcAdamW: ({ inputs: { e }, attrs }) => {
        expectTypeOf(e).toEqualTypeOf<TensorInfo | undefined>();
        expectTypeOf(attrs.decay).toEqualTypeOf<number>();
        return [];
      },
    }),
    // @ts-expect-error no kernel of that name
    defineKernels({ WbdcLayerNrom: () => [a] }),
    // @ts-expect-error an output too few
    defineKernels({ WbdcAttention: ({ inputs: { q } }) => [q] }),
    // @ts-expect-error an output too many
    defineKernels({ WbdcAttentionGrad: () => [a, b, c, d] }),
    // @ts-expect-error a tensor where a list is due
    defineKernels({ WbdcDropout: ({ inputs: { x } }) => x }),
    // @ts-expect-error an attribute that nobody passes
    defineKernels({ WbdcMaskedSoftmax: ({ inputs: { x }, attrs: { axis } }) => [axis ? x : a] }),
    // @ts-expect-error an input that nobody passes
    defineKernels({ WbdcMaskedSoftmax: ({ inputs: { mask } }) => [mask] }),
    // @ts-expect-error for another engine's backend
    defineKernels({ WbdcGeluGrad: (_call: KernelCall<'WbdcGeluGrad', { threads: number }>) => [a] }),
    // @ts-expect-error forgets an attribute, the dropout
    defineKernels({ WbdcAttention: (_: Undropped) => [a, b] }),
    // @ts-expect-error forgets an input, the bias
    defineKernels({ WbdcMaskedSoftmax: (_: Unbiased) => [a] }),
  ];
}

type Undropped = Pick<KernelCall<'WbdcAttention', Backend>, 'inputs'> & { attrs: { heads: number; scale: number } };
type Unbiased = { inputs: { x: TensorInfo }; attrs: { scale: number } };

// The same of calls.
export function calls(x: Tensor, drop: DropMask): unknown {
  expectTypeOf(fusedKernel('WbdcDropout', { x }, { drop })).toEqualTypeOf<[y: Tensor] | undefined>();
  expectTypeOf(fusedKernel('WbdcLayerNormGrad', { dy: x, x, gamma: x, mean: x, rstd: x }, {})).toEqualTypeOf<
    [dx: Tensor, dgamma: Tensor, dbeta: Tensor] | undefined
  >();
  return [
    // @ts-expect-error an attribute is missing
    fusedKernel('WbdcGelu', { x }, {}),
    // @ts-expect-error an attribute of that name is not read
    fusedKernel('WbdcDropout', { x }, { drop, scale: 2 }),
    // @ts-expect-error an input is missing
    fusedKernel('WbdcGeluGrad', { x }, { form: 'erf' }),
    // @ts-expect-error no kernel of that name
    fusedKernel('Wbdc', { x }, {}),
  ];
}

it('states attention for the engines', () => {
  expectTypeOf<FusedKernel<'WbdcAttention', Backend, Tensor>>().toEqualTypeOf<
    (call: KernelCall<'WbdcAttention', Backend>) => [y: Tensor, w: Tensor]
  >();
  expectTypeOf<KernelCall<'WbdcAttention', Backend>['attrs']>().toEqualTypeOf<AttentionAttributes>();
  expectTypeOf<AttentionAttributes['drop']>().toEqualTypeOf<DropMask | undefined>();
});

describe('a dropout', () => {
  beforeAll(async () => void (await tf.setBackend('cpu')));
  afterEach(() => tf.unregisterKernel('WbdcDropout', 'cpu'));

  it.each([0.003, 0.1, 0.7])('of rate %s can be drawn from key and gaps, as the contract says', (rate) => {
    const [rows, width] = [7, 1009];
    let drawn: number[] = [];
    const kernel: FusedKernel<'WbdcDropout', object> = ({ inputs: { x }, attrs: { drop } }) => {
      expect(drop).toMatchObject({ key: randomKey(5), rate, scale: 1 / (1 - rate) });
      drawn = Array.from({ length: rows }, (_, row) => keptOf(drop, row, width)).flat();
      const applied = new Float32Array(rows * width).fill(1);
      drop.apply(applied.subarray(0, 3 * width), 0, 3, 0); // in two pieces
      drop.apply(applied.subarray(3 * width), 3, rows - 3, 0);
      expect(drawn).toEqual(Array.from(applied));
      return [tf.mul(x as Tensor, drop.scale)];
    };
    tf.registerKernel({
      kernelName: 'WbdcDropout',
      backendName: 'cpu',
      kernelFunc: kernel as unknown as tf.KernelFunc,
    });
    const y = tf.tidy(() => dropout(tf.ones([rows, width]), rate, randomKey(5)).dataSync());
    expect(y[0]).toBeCloseTo(1 / (1 - rate));
    const share = drawn.filter((value) => value === 0).length / drawn.length;
    expect(Math.abs(share - rate)).toBeLessThan(5 * Math.sqrt((rate * (1 - rate)) / drawn.length));
  });
});

/** 1 for what a row keeps and 0 for what it drops, from the key and the gaps alone. */
function keptOf({ key, gaps }: DropMask, row: number, width: number): number[] {
  const kept = new Array<number>(width).fill(1);
  const [offset, flip]: Key = foldIn(key, row);
  for (let n = 0, position = -1; position < width; n++) {
    const draw = murmur3((offset + Math.imul(n, 0x9e3779b9)) ^ flip);
    for (const gap of [gaps[draw & 0xffff], gaps[draw >>> 16]]) {
      position += gap;
      if (position < width) kept[position] = 0;
    }
  }
  return kept;
}

/** The finaliser of MurmurHash3, in 64-bit integers. */
function murmur3(word: number): number {
  let h = BigInt.asUintN(32, BigInt(word));
  h = BigInt.asUintN(32, (h ^ (h >> 16n)) * 0x85ebca6bn);
  h = BigInt.asUintN(32, (h ^ (h >> 13n)) * 0xc2b2ae35n);
  return Number(h ^ (h >> 16n));
}
