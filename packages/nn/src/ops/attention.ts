import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor3D, Tensor4D } from '@tensorflow/tfjs';
import type { AttentionAttributes, DropMask, KernelOutputs } from '../kernels.js';
import type { Key } from '../random.js';
import { dropMask } from './drop-mask.js';
import { dropFactors } from './dropout.js';
import { differentiable, fusedKernel } from './kernel.js';
import { linearGradients, project, type Linear } from './linear.js';

export interface AttentionOptions {
  readonly heads: number;
  /** Rate of dropout of the attention weights; without a key there is none. */
  readonly dropout: number;
  readonly key?: Key | undefined;
}

/**
 * Scaled dot-product attention (Vaswani et al., arXiv 1706.03762) per head:
 * `dropout(softmax(q k^T / sqrt(D / H) + bias)) v` for q `[B, Q, D]`, k and v `[B, K, D]`, bias `[B, 1, 1, K]`; gives
 * `[B, Q, D]`. The backward pass keeps q, k, v and the weights `[B, H, Q, K]`, nothing else. The bias gets no gradient.
 */
export function dotProductAttention(
  q: Tensor3D,
  k: Tensor3D,
  v: Tensor3D,
  bias: Tensor4D,
  { heads, dropout, key }: AttentionOptions,
): Tensor3D {
  const kernel = attentionKernel(q.shape[2], { heads, dropout, key });
  return differentiable<Tensor>(
    [q, k, v],
    () => {
      const [value, w] = kernel.forward(q, k, v, bias);
      return { value, saved: [q, k, v, w] };
    },
    (dy, [q, k, v, w]) => kernel.backward(dy, q, k, v, w),
  ) as Tensor3D;
}

/** The layers that make queries, keys and values. */
export interface AttentionInputs {
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
}

/**
 * {@link dotProductAttention} of linear functions of x `[B, Q, D]`, to itself or to a context `[B, K, D]`. One
 * operation, so that the backward pass transposes and adds up less.
 */
export function projectedAttention(
  params: AttentionInputs,
  x: Tensor3D,
  context: Tensor3D,
  bias: Tensor4D,
  options: AttentionOptions,
): Tensor3D {
  const { query, key, value } = params;
  const kernel = attentionKernel(query.weight.shape[1], options);
  const self = x === context;
  const layers = [query, key, value].flatMap(({ weight, bias }) => [weight, bias]);
  return differentiable<Tensor>(
    [...(self ? [x] : [x, context]), ...layers],
    () => {
      const [q, k, v] = [project(x, query), project(context, key), project(context, value)];
      const [mixed, w] = kernel.forward(q, k, v, bias);
      const weights = [query.weight, key.weight, value.weight];
      return { value: mixed, saved: [x, q, k, v, w, ...weights, ...(self ? [] : [context])] };
    },
    (dy, [x, q, k, v, w, wq, wk, wv, context = x]) => {
      const [dq, dk, dv] = kernel.backward(dy, q, k, v, w);
      const gradients = self
        ? linearGradients(x, [wq, wk, wv], [dq, dk, dv])
        : [...linearGradients(x, [wq], [dq]), ...linearGradients(context, [wk, wv], [dk, dv])];
      const [[dxq], [dxk], [dxv]] = gradients;
      return [
        ...(self ? [tf.addN([dxq, dxk, dxv])] : [dxq, tf.add(dxk, dxv)]),
        ...gradients.flatMap(([, dWeight, dBias]) => [dWeight, dBias]),
      ];
    },
  ) as Tensor3D;
}

/**
 * The weights of {@link projectedAttention}, `softmax(q k^T / sqrt(D / H) + bias)` `[B, H, Q, K]`, for whoever wants to
 * look at them: the fused kernels keep theirs for themselves. Nothing is dropped out, and there are no gradients.
 */
export function attentionWeights(
  { query, key }: Pick<AttentionInputs, 'query' | 'key'>,
  x: Tensor3D,
  context: Tensor3D,
  bias: Tensor4D,
  heads: number,
): Tensor4D {
  return tf.tidy(() => {
    const q = project(x, query); // [B, Q, D]
    const k = project(context, key); // [B, K, D]
    const scale = 1 / Math.sqrt(q.shape[2]! / heads);
    const scores = tf.matMul(split(q, heads), split(k, heads), false, true); // [B, H, Q, K]
    return tf.softmax(tf.add(tf.mul(scores, scale), bias)) as Tensor4D;
  });
}

type Forward = KernelOutputs<'WbdcAttention', Tensor>;
type Backward = KernelOutputs<'WbdcAttentionGrad', Tensor>;

interface AttentionKernel {
  /** The mixed values `[B, Q, D]`, and the weights as the backward pass wants them. */
  readonly forward: (q: Tensor, k: Tensor, v: Tensor, bias: Tensor) => Forward;
  readonly backward: (dy: Tensor, q: Tensor, k: Tensor, v: Tensor, w: Tensor) => Backward;
}

/** Attention over width D on the engine's fused kernels, or composed. */
function attentionKernel(width: number, { heads, dropout, key }: AttentionOptions): AttentionKernel {
  const scale = 1 / Math.sqrt(width / heads);
  const drop = key && dropout > 0 ? dropMask(dropout, key) : undefined;
  const attributes = { heads, scale, ...(drop && { drop }) };
  return {
    forward: (q, k, v, bias) =>
      fusedKernel('WbdcAttention', { q, k, v, bias }, attributes) ?? forward(q, k, v, bias, attributes),
    backward: (dy, q, k, v, w) =>
      fusedKernel('WbdcAttentionGrad', { dy, q, k, v, w }, attributes) ?? backward(dy, q, k, v, w, attributes),
  };
}

function forward(q: Tensor, k: Tensor, v: Tensor, bias: Tensor, { heads, scale, drop }: AttentionAttributes): Forward {
  const scores = tf.matMul(split(q, heads), split(k, heads), false, true); // [B, H, Q, K]
  const w = tf.softmax(tf.add(tf.mul(scores, scale), bias));
  return [merge(tf.matMul(dropped(w, drop), split(v, heads))), w];
}

function backward(
  dy: Tensor,
  q: Tensor,
  k: Tensor,
  v: Tensor,
  w: Tensor,
  { heads, scale, drop }: AttentionAttributes,
): Backward {
  const mixed = split(dy, heads); // [B, H, Q, D/H]
  const dv = tf.matMul(dropped(w, drop), mixed, true, false); // [B, H, K, D/H]
  const dw = dropped(tf.matMul(mixed, split(v, heads), false, true), drop); // [B, H, Q, K]
  const along = tf.sum(tf.mul(dw, w), -1, true);
  const scores = tf.mul(tf.mul(w, tf.sub(dw, along)), scale);
  const dq = tf.matMul(scores, split(k, heads));
  const dk = tf.matMul(scores, split(q, heads), true, false);
  return [merge(dq), merge(dk), merge(dv)];
}

function dropped(w: Tensor, drop: DropMask | undefined): Tensor {
  return drop ? tf.mul(w, dropFactors(drop, w.shape)) : w;
}

/** `[B, N, D]` to `[B, H, N, D / H]`. */
function split(x: Tensor, heads: number): Tensor4D {
  const [batch, length, width] = x.shape;
  return tf.transpose(tf.reshape(x, [batch, length, heads, width / heads]), [0, 2, 1, 3]);
}

/** `[B, H, N, D / H]` to `[B, N, D]`. */
function merge(x: Tensor): Tensor {
  const [batch, heads, length, size] = x.shape;
  return tf.reshape(tf.transpose(x, [0, 2, 1, 3]), [batch, length, heads * size]);
}
