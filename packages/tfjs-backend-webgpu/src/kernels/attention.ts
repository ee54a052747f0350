import type { TensorInfo } from '@tensorflow/tfjs';
import { sizeOf } from '@wbdc/nn/plain';
import type { WebGpuBackend } from '../backend.js';
import type { Operand, Region } from '../commands.js';
import { defineKernels, dispatch, type Fused } from '../kernel.js';
import { drawBits, wordsOf } from './dropout.js';
import { MOST_LANES, ROWS, sourcesFor, type Form } from './attention-sources.js';

/** The form of a call on a device. */
function formOf({ device }: WebGpuBackend, size: number, dropping: boolean): Form {
  const pieces = size % 4 === 0 ? size / 4 : size;
  const lanes = device.features.has('subgroups') && pieces % MOST_LANES === 0 ? MOST_LANES : 1;
  return { size, dropping, lanes };
}

interface Shapes {
  /** D. */
  readonly width: number;
  readonly batch: number;
  readonly queries: number;
  readonly keys: number;
  readonly heads: number;
  /** Of a row's bits. */
  readonly words: number;
}

function shapesOf(q: TensorInfo, k: TensorInfo, heads: number): Shapes {
  const [batch, queries, width] = q.shape;
  const keys = k.shape[1];
  return { width, batch, queries, keys, heads, words: wordsOf(heads * queries * keys) };
}

/** Multiples of the strictest device's alignment of bindings, in values. */
const aligned = (values: number): number => Math.ceil(values / 64) * 64;

/** What a tensor of weights is made of here, in words: maxima and divisors, the bias, the bits, the result. */
function partsOf({ width, batch, heads, queries, keys, words }: Shapes, biasRows: number, dropping: boolean) {
  const sizes = {
    lse: 2 * batch * heads * queries,
    bias: batch * biasRows * keys,
    bits: dropping ? batch * words : 0,
    y: batch * queries * width,
  };
  const biasAt = aligned(sizes.lse);
  const bitsAt = biasAt + aligned(sizes.bias);
  const yAt = bitsAt + aligned(sizes.bits);
  // Of its own length with and without a bias of each query.
  const length = yAt + sizes.y + (biasRows > 1 ? 64 : 0);
  return { sizes, biasAt, bitsAt, yAt, length };
}

/** Told by the length of what the forward pass kept. */
function biasRowsOf(shapes: Shapes, w: TensorInfo, dropping: boolean): number {
  return partsOf(shapes, 1, dropping).length === w.shape[0] ? 1 : shapes.queries;
}

/** Some words of a region. */
function wordsIn({ buffer, offset }: Region, start: number, count: number): Region {
  return { buffer, offset: offset + 4 * start, bytes: 4 * count };
}

const groupsOf = (count: number, { heads, batch }: Shapes): [number, number, number] => {
  return [Math.ceil(count / ROWS), heads, batch];
};

const attention: Fused<'WbdcAttention'> = ({ backend, inputs: { q, k, v, bias }, attrs: { heads, scale, drop } }) => {
  const shapes = shapesOf(q, k, heads);
  const { batch, queries, keys, words } = shapes;
  const biasRows = bias.shape[2];
  const { sizes, biasAt, bitsAt, yAt, length } = partsOf(shapes, biasRows, drop !== undefined);
  const [y, w] = [backend.empty(q.shape), backend.empty([length])];
  if (sizeOf(q.shape) === 0) return [y, w];
  const { forward } = sourcesFor(formOf(backend, q.shape[2] / heads, drop !== undefined));
  const kept = backend.regionOf(w);
  const bits = drop && wordsIn(kept, bitsAt, sizes.bits);
  if (drop && bits) drawBits(backend, drop, bits, batch, heads * queries * keys);
  const lse = wordsIn(kept, 0, biasAt + sizes.bias); // and the bias
  const again = wordsIn(kept, yAt, sizes.y);
  const operands: Record<string, Operand> = { y, lse, again, q, k, v, bias };
  if (bits) operands['bits'] = bits;
  const params = {
    heads,
    queries,
    keys,
    words,
    biasAt,
    biasRows,
    bitsAt: 0,
    yAt: 0,
    scale,
    raised: drop?.scale ?? 1,
  };
  dispatch(backend, forward, operands, params, groupsOf(queries, shapes));
  return [y, w];
};

const attentionGrad: Fused<'WbdcAttentionGrad'> = ({
  backend,
  inputs: { dy, q, k, v, w },
  attrs: { heads, scale, drop },
}) => {
  const shapes = shapesOf(q, k, heads);
  const { batch, queries, keys, words } = shapes;
  const [dq, dk, dv] = [backend.empty(q.shape), backend.empty(k.shape), backend.empty(v.shape)];
  if (sizeOf(q.shape) === 0) return [dq, dk, dv];
  const sources = sourcesFor(formOf(backend, q.shape[2] / heads, drop !== undefined));
  const biasRows = biasRowsOf(shapes, w, drop !== undefined);
  const { biasAt, bitsAt, yAt } = partsOf(shapes, biasRows, drop !== undefined);
  const [along, release] = backend.scratch(4 * batch * heads * queries);
  const params = { heads, queries, keys, words, biasAt, biasRows, bitsAt, yAt, scale, raised: drop?.scale ?? 1 };
  dispatch(backend, sources.queries, { dq, along, dy, q, k, v, bits: w }, params, groupsOf(queries, shapes));
  dispatch(backend, sources.keys, { dk, dv, along, dy, q, k, v, bits: w }, params, groupsOf(keys, shapes));
  release();
  return [dq, dk, dv];
};

export const attentionKernels = defineKernels({ WbdcAttention: attention, WbdcAttentionGrad: attentionGrad });
