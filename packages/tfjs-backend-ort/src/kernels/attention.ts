import type { TensorInfo } from '@tensorflow/tfjs';
import type { AttentionAttributes } from '@wbdc/nn/kernels';
import { sizeOf } from '@wbdc/nn/plain';
import { float } from '../graph.js';
import { defineKernels, type Fused } from '../kernel.js';

/** [B, N, D] to [B, H, N, D / H], and back. */
const split = (to: string, from: string, heads: number): string =>
  `${to}_ = Reshape (${from}, [0, 0, ${heads}, -1])\n${to} = Transpose <perm = [0, 2, 1, 3]> (${to}_)`;
const merge = (to: string, from: string): string =>
  `${to}_ = Transpose <perm = [0, 2, 1, 3]> (${from})\n${to} = Reshape (${to}_, [0, 0, -1])`;

const weigh = ({ heads, scale }: AttentionAttributes): string => `${split('qh', 'q', heads)}
  ${split('kh', 'k', heads)}
  s = FusedMatMul <transB = 1, alpha = ${float(scale)}> (qh, kh)
  b = Add (s, bias)
  w = Softmax <axis = -1> (b)`;

/** Relu takes the dropped weights away, which are marked by their sign. */
const mix = ({ heads, drop }: AttentionAttributes): string => `${split('vh', 'v', heads)}
  ${drop ? `kept = Relu (w)\nm = FusedMatMul <alpha = ${float(drop.scale)}> (kept, vh)` : 'm = MatMul (w, vh)'}
  ${merge('y', 'm')}`;

/**
 * y = dropout(softmax(q k^T scale + bias)) v per head, and the attention weights w [B, H, Q, K], the dropped ones
 * negative. Goes through a few videos at a time.
 */
const forward: Fused<'WbdcAttention'> = ({ backend, inputs: { q, k, v, bias }, attrs }) => {
  const shape = [q.shape[0], attrs.heads, q.shape[1], k.shape[1]];
  const pieces = piecesOf(shape);
  const { y, w } = backend.filling({ y: { shape: q.shape }, w: { shape } }, (results) => {
    for (let i = 0; i < pieces; i++) {
      const at = backend.pieces({ q, k, v, bias, ...results }, i, pieces);
      backend.execute(weigh(attrs), { q: at['q'], k: at['k'], bias: at['bias'] }, { w: at['w'] });
      const firstRow = Math.floor((i * shape[0]) / pieces);
      attrs.drop?.apply(at['w'].data as Float32Array, firstRow, at['w'].dims[0], -1);
      backend.execute(mix(attrs), { w: at['w'], v: at['v'] }, { y: at['y'] });
    }
  });
  return [y, w];
};

/**
 * With p the weights after dropout and t = p dp: dv = p^T dy, dp = dy v^T, ds = t - |w| sum(t), dq = ds k, dk = ds^T q.
 */
function unweigh({ heads, scale, drop }: AttentionAttributes): string {
  const [p, a] = drop ? ['p', 'a'] : ['w', 'w'];
  const dropped = float(drop?.scale ?? 1);
  return `${split('qh', 'q', heads)}
  ${split('kh', 'k', heads)}
  ${split('vh', 'v', heads)}
  ${split('dyh', 'dy', heads)}
  ${drop ? 'p = Relu (w)\na = Abs (w)\n' : ''}dvh = FusedMatMul <transA = 1, alpha = ${dropped}> (${p}, dyh)
  dp = FusedMatMul <transB = 1, alpha = ${dropped}> (dyh, vh)
  t = Mul (${p}, dp)
  sum = ReduceSum <keepdims = 1> (t, [-1])
  u = Mul (${a}, sum)
  ds = Sub (t, u)
  dqh = FusedMatMul <alpha = ${float(scale)}> (ds, kh)
  dkh = FusedMatMul <transA = 1, alpha = ${float(scale)}> (ds, qh)
  ${merge('dq', 'dqh')}
  ${merge('dk', 'dkh')}
  ${merge('dv', 'dvh')}`;
}

const backward: Fused<'WbdcAttentionGrad'> = ({ backend, inputs: { dy, q, k, v, w }, attrs }) => {
  const outputs = { dq: { shape: q.shape }, dk: { shape: k.shape }, dv: { shape: v.shape } };
  const lines = unweigh(attrs);
  const { dq, dk, dv } = backend.runPieces(lines, piecesOf(w.shape), { dy, q, k, v, w }, {}, outputs);
  return [dq, dk, dv];
};

/** Attention weights of a piece: about what the caches of two cores hold. */
const PIECE = 1 << 19;

function piecesOf(weights: TensorInfo['shape']): number {
  return Math.max(1, Math.min(weights[0], Math.round(sizeOf(weights) / PIECE)));
}

export const attention = defineKernels({ WbdcAttention: forward, WbdcAttentionGrad: backward });
