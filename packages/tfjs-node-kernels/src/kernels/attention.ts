import type { Tensor, TensorInfo } from '@tensorflow/tfjs';
import type { AttentionAttributes } from '@wbdc/nn/kernels';
import { defineKernels, type Fused, type NodeBackend } from '../binding.js';
import { withFactors } from '../factors.js';
import { run, type Each, type Input } from '../run.js';
import { narrow, product, widen, type Precision } from './matmul.js';

/** [B, N, D] to [B, H, N, D / H] in the type of products. */
const split = (to: string, from: string, shape: string, precision: Precision): string =>
  `${narrow(`${to}n`, from, precision)}
    ${to}r = Reshape (${to}n, ${shape})
    ${to} = Transpose (${to}r, [0, 2, 1, 3])`;

/** And back, to float32. */
const merge = (to: string, from: string, shape: string): string =>
  `${to}t = Transpose (${from}, [0, 2, 1, 3])
    ${to}r = Reshape (${to}t, ${shape})
    ${widen(to, `${to}r`)}`;

/** y = dropout(softmax(q k^T scale + bias)) v per head, and the weights w [B, H, Q, K] before dropout. */
const weigh = ({ scale, drop }: AttentionAttributes, precision: Precision): string => `qs = Mul (q, ${scale})
  ${split('qh', 'qs', 'queries', precision)}
  ${split('kh', 'k', 'keys', precision)}
  ${split('vh', 'v', 'keys', precision)}
  ${product('sn', 'qh', 'kh', 'b')}
  ${widen('s', 'sn')}
  b = AddV2 (s, bias)
  w = Softmax (b)
  ${drop ? 'p = Mul (w, factors)' : ''}
  ${narrow('pn', drop ? 'p' : 'w', precision)}
  ${product('m', 'pn', 'vh')}
  ${merge('y', 'm', 'merged')}`;

/**
 * With p the weights after dropout and t = p dp: dv = p^T dy, dp = dy v^T, ds = t - w sum(t), dq = ds k, dk = ds^T q.
 */
const unweigh = (
  { scale, drop }: AttentionAttributes,
  precision: Precision,
): string => `${split('qh', 'q', 'queries', precision)}
  ${split('kh', 'k', 'keys', precision)}
  ${split('vh', 'v', 'keys', precision)}
  ${split('dyh', 'dy', 'queries', precision)}
  ${drop ? 'p = Mul (w, factors)' : ''}
  ${narrow('pn', drop ? 'p' : 'w', precision)}
  ${product('dvh', 'pn', 'dyh', 'a')}
  ${product('dpn', 'dyh', 'vh', 'b')}
  ${widen('dp', 'dpn')}
  t = Mul (${drop ? 'p' : 'w'}, dp)
  sum = Sum <keep_dims = true> (t, [-1])
  u = Mul (w, sum)
  d = Sub (t, u)
  ds = Mul (d, ${scale})
  ${narrow('dsn', 'ds', precision)}
  ${product('dqh', 'dsn', 'kh')}
  ${product('dkh', 'dsn', 'qh', 'a')}
  ${merge('dq', 'dqh', 'query')}
  ${merge('dk', 'dkh', 'key')}
  ${merge('dv', 'dvh', 'key')}`;

export function attentionKernels(precision: Precision): {
  WbdcAttention: Fused<'WbdcAttention'>;
  WbdcAttentionGrad: Fused<'WbdcAttentionGrad'>;
} {
  return defineKernels({
    WbdcAttention: ({ backend, inputs: { q, k, v, bias }, attrs }) => {
      const { query, queries, keys } = shapesOf(q, k, attrs.heads);
      const inputs = { q, k, v, bias, queries, keys, merged: query };
      return runDropping(backend, weigh(attrs, precision), inputs, ['y', 'w'], q, k, attrs);
    },
    WbdcAttentionGrad: ({ backend, inputs: { dy, q, k, v, w }, attrs }) => {
      const inputs = { dy, q, k, v, w, ...shapesOf(q, k, attrs.heads) };
      return runDropping(backend, unweigh(attrs, precision), inputs, ['dq', 'dk', 'dv'], q, k, attrs);
    },
  });
}

function shapesOf(q: TensorInfo, k: TensorInfo, heads: number): Record<'query' | 'key' | 'queries' | 'keys', number[]> {
  const separate = ([batch, length, width]: number[]): number[] => [batch, length, heads, width / heads];
  return { query: q.shape, key: k.shape, queries: separate(q.shape), keys: separate(k.shape) };
}

function runDropping<const Names extends readonly string[]>(
  backend: NodeBackend,
  lines: string,
  inputs: Record<string, Input>,
  results: Names,
  q: TensorInfo,
  k: TensorInfo,
  { heads, drop }: AttentionAttributes,
): Each<Names, Tensor> {
  if (!drop) return run(backend, lines, inputs, results);
  const shape = [q.shape[0], heads, q.shape[1], k.shape[1]];
  return withFactors(backend, drop, shape, (factors) => run(backend, lines, { ...inputs, factors }, results));
}
