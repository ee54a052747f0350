import type { TensorInfo } from '@tensorflow/tfjs';
import { sizeOf } from '@wbdc/nn/plain';
import type { Region } from '../commands.js';
import type { KernelSource } from '../kernel-source.js';
import { defineKernels, dispatch, type Fused } from '../kernel.js';
import { drawBits, wordsOf } from './dropout.js';

/**
 * Attention without a matrix of weights [B, H, Q, K], after FlashAttention (Dao et al., arXiv 2205.14135): a thread for
 * each query goes over the keys, which its workgroup reads in tiles, and corrects its sum when a larger score turns up.
 * Kept for the backward pass are the logarithms of the softmax's divisors [B, H, Q] and the bits of the dropout.
 */

/** Queries, or keys, of a workgroup: one for each thread. */
const THREADS = 64;
/** Bytes of workgroup memory for a tile's two vectors of each key, or query. */
const TILE_BYTES = 12_288;

/** Sizes that the code depends on. */
interface Form {
  /** D / H. */
  readonly size: number;
  readonly dropping: boolean;
}

const PARAMS = {
  heads: 'u32',
  queries: 'u32',
  keys: 'u32',
  words: 'u32',
  biasAt: 'u32',
  biasRows: 'u32',
  bitsAt: 'u32',
  scale: 'f32',
  raised: 'f32',
} as const;

/** What all three kernels share: vectors in pieces of four values where they come out even. */
function common({ size, dropping }: Form): { lane: number; pieces: number; tile: number; code: string } {
  const lane = size % 4 === 0 ? 4 : 1;
  const pieces = size / lane;
  const tile = Math.max(1, Math.min(THREADS, Math.floor(TILE_BYTES / (8 * size))));
  const type = lane === 4 ? 'vec4f' : 'f32';
  const code = `const PIECES = ${pieces}u;
alias Piece = ${type};
var<workgroup> tileA: array<Piece, ${tile * pieces}>;
var<workgroup> tileB: array<Piece, ${tile * pieces}>;
// A bias is of the keys alone, or of each query too.
fn biasOf(batch: u32, query: u32, key: u32) -> u32 {
  return (batch * u.biasRows + select(0u, query, u.biasRows > 1u)) * u.keys + key;
}
fn product(a: Piece, b: Piece) -> f32 { return ${lane === 4 ? 'dot(a, b)' : 'a * b'}; }
${
  dropping
    ? `// What the dropout multiplies the weight of a query and a key with.
fn factor(batch: u32, head: u32, query: u32, key: u32) -> f32 {
  let at = (head * u.queries + query) * u.keys + key;
  let word = bits[u.bitsAt + batch * u.words + at / 32u];
  return select(u.raised, 0.0, ((word >> (at % 32u)) & 1u) == 1u);
}`
    : 'fn factor(batch: u32, head: u32, query: u32, key: u32) -> f32 { return 1.0; }'
}
@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) t: u32) {
  let batch = group.z;
  let head = group.y;
  let row = group.x * ${THREADS}u + t;
  let stride = u.heads * PIECES;`;
  return { lane, pieces, tile, code };
}

/** Fills the tiles with rows of two tensors `[B, length, D]`, from `start` on. */
function loadTiles(tile: number, length: string, a: string, b: string): string {
  return `workgroupBarrier();
    for (var n = t; n < ${tile}u * PIECES; n += ${THREADS}u) {
      let other = start + n / PIECES;
      if (other < ${length}) {
        let at = (batch * ${length} + other) * stride + head * PIECES + n % PIECES;
        tileA[n] = ${a}[at];
        tileB[n] = ${b}[at];
      }
    }
    workgroupBarrier();`;
}

function forwardSource(form: Form): KernelSource {
  const { lane, tile, code } = common(form);
  const piece = lane === 4 ? 'vec4f' : 'f32';
  return {
    name: `WbdcAttention of ${form.size}${form.dropping ? ' with dropout' : ''}`,
    write: { y: piece, lse: 'f32' },
    read: { q: piece, k: piece, v: piece, bias: 'f32', ...(form.dropping && { bits: 'u32' }) },
    params: PARAMS,
    code: `${code}
  let there = row < u.queries;
  let own = (batch * u.queries + row) * stride + head * PIECES;
  var query: array<Piece, PIECES>;
  var sum: array<Piece, PIECES>;
  if (there) { for (var c = 0u; c < PIECES; c++) { query[c] = q[own + c]; } }
  var most = -3.4e38;
  var divisor = 0.0;
  for (var start = 0u; start < u.keys; start += ${tile}u) {
    ${loadTiles(tile, 'u.keys', 'k', 'v')}
    if (there) {
      for (var j = 0u; j < min(${tile}u, u.keys - start); j++) {
        let key = start + j;
        var s = 0.0;
        for (var c = 0u; c < PIECES; c++) { s += product(query[c], tileA[j * PIECES + c]); }
        s = s * u.scale + bias[biasOf(batch, row, key)];
        if (s > most) {
          let less = exp(most - s);
          divisor *= less;
          for (var c = 0u; c < PIECES; c++) { sum[c] *= less; }
          most = s;
        }
        let w = exp(s - most);
        divisor += w;
        let dropped = w * factor(batch, head, row, key);
        for (var c = 0u; c < PIECES; c++) { sum[c] += dropped * tileB[j * PIECES + c]; }
      }
    }
  }
  if (there) {
    for (var c = 0u; c < PIECES; c++) { y[own + c] = sum[c] / divisor; }
    // Of the largest score and the logarithm apart: with a bias of -1e9 their sum would lose the second.
    let at = 2u * ((batch * u.heads + head) * u.queries + row);
    lse[at] = most;
    lse[at + 1u] = divisor;
  }
}`,
  };
}

/** What the forward pass kept, floats and bits in one buffer: a stage may have no more than eight. */
const KEPT_FLOAT = 'fn keptFloat(at: u32) -> f32 { return bitcast<f32>(bits[at]); }';

/** dq, and sum(dw w) of each query, which the other half of the backward pass reads. */
function queriesSource(form: Form): KernelSource {
  const { lane, tile, code } = common(form);
  const piece = lane === 4 ? 'vec4f' : 'f32';
  const each = (inner: string): string => `for (var start = 0u; start < u.keys; start += ${tile}u) {
    ${loadTiles(tile, 'u.keys', 'k', 'v')}
    if (there) {
      for (var j = 0u; j < min(${tile}u, u.keys - start); j++) {
        let key = start + j;
        var s = 0.0;
        var d = 0.0;
        for (var c = 0u; c < PIECES; c++) {
          s += product(query[c], tileA[j * PIECES + c]);
          d += product(slope[c], tileB[j * PIECES + c]);
        }
        let w = exp(s * u.scale + keptFloat(u.biasAt + biasOf(batch, row, key)) - most) / divisor;
        d *= factor(batch, head, row, key);
        ${inner}
      }
    }
  }`;
  return {
    name: `WbdcAttentionGrad of queries of ${form.size}${form.dropping ? ' with dropout' : ''}`,
    write: { dq: piece, along: 'f32' },
    read: { dy: piece, q: piece, k: piece, v: piece, bits: 'u32' },
    params: PARAMS,
    code: `${KEPT_FLOAT}
${code}
  let there = row < u.queries;
  let own = (batch * u.queries + row) * stride + head * PIECES;
  let at = (batch * u.heads + head) * u.queries + row;
  var query: array<Piece, PIECES>;
  var slope: array<Piece, PIECES>;
  var sum: array<Piece, PIECES>;
  var most = 0.0;
  var divisor = 1.0;
  if (there) {
    for (var c = 0u; c < PIECES; c++) { query[c] = q[own + c]; slope[c] = dy[own + c]; }
    most = keptFloat(2u * at);
    divisor = keptFloat(2u * at + 1u);
  }
  var mean = 0.0;
  ${each('mean += w * d;')}
  ${each(`let ds = w * (d - mean) * u.scale;
        for (var c = 0u; c < PIECES; c++) { sum[c] += ds * tileA[j * PIECES + c]; }`)}
  if (there) {
    for (var c = 0u; c < PIECES; c++) { dq[own + c] = sum[c]; }
    along[at] = mean;
  }
}`,
  };
}

/** dk and dv: a thread for each key goes over the queries. */
function keysSource(form: Form): KernelSource {
  const { lane, tile, code } = common(form);
  const piece = lane === 4 ? 'vec4f' : 'f32';
  return {
    name: `WbdcAttentionGrad of keys of ${form.size}${form.dropping ? ' with dropout' : ''}`,
    write: { dk: piece, dv: piece },
    read: { dy: piece, q: piece, k: piece, v: piece, bits: 'u32', along: 'f32' },
    params: PARAMS,
    code: `${KEPT_FLOAT}
${code}
  let there = row < u.keys;
  let own = (batch * u.keys + row) * stride + head * PIECES;
  var key: array<Piece, PIECES>;
  var value: array<Piece, PIECES>;
  var sumK: array<Piece, PIECES>;
  var sumV: array<Piece, PIECES>;
  if (there) {
    for (var c = 0u; c < PIECES; c++) { key[c] = k[own + c]; value[c] = v[own + c]; }
  }
  for (var start = 0u; start < u.queries; start += ${tile}u) {
    ${loadTiles(tile, 'u.queries', 'q', 'dy')}
    if (there) {
      for (var j = 0u; j < min(${tile}u, u.queries - start); j++) {
        let query = start + j;
        let at = (batch * u.heads + head) * u.queries + query;
        var s = 0.0;
        var d = 0.0;
        for (var c = 0u; c < PIECES; c++) {
          s += product(key[c], tileA[j * PIECES + c]);
          d += product(value[c], tileB[j * PIECES + c]);
        }
        let shift = keptFloat(u.biasAt + biasOf(batch, query, row));
        let w = exp(s * u.scale + shift - keptFloat(2u * at)) / keptFloat(2u * at + 1u);
        let f = factor(batch, head, query, row);
        let ds = w * (d * f - along[at]) * u.scale;
        for (var c = 0u; c < PIECES; c++) {
          sumV[c] += w * f * tileB[j * PIECES + c];
          sumK[c] += ds * tileA[j * PIECES + c];
        }
      }
    }
  }
  if (there) { for (var c = 0u; c < PIECES; c++) { dk[own + c] = sumK[c]; dv[own + c] = sumV[c]; } }
}`,
  };
}

interface Sources {
  readonly forward: KernelSource;
  readonly queries: KernelSource;
  readonly keys: KernelSource;
}

const known = new Map<string, Sources>();

function sourcesFor(form: Form): Sources {
  const key = `${form.size},${form.dropping}`;
  let sources = known.get(key);
  if (!sources) {
    sources = { forward: forwardSource(form), queries: queriesSource(form), keys: keysSource(form) };
    known.set(key, sources);
  }
  return sources;
}

interface Shapes {
  readonly batch: number;
  readonly queries: number;
  readonly keys: number;
  readonly heads: number;
  /** Of a row's bits. */
  readonly words: number;
}

function shapesOf(q: TensorInfo, k: TensorInfo, heads: number): Shapes {
  const [batch, queries] = q.shape;
  const keys = k.shape[1];
  return { batch, queries, keys, heads, words: wordsOf(heads * queries * keys) };
}

/** Multiples of the strictest device's alignment of bindings, in values. */
const aligned = (values: number): number => Math.ceil(values / 64) * 64;

/** What a tensor of weights is made of here, in words: maxima and divisors, the bias, the bits. */
function partsOf({ batch, heads, queries, keys, words }: Shapes, biasRows: number, dropping: boolean) {
  const sizes = { lse: 2 * batch * heads * queries, bias: batch * biasRows * keys, bits: dropping ? batch * words : 0 };
  const biasAt = aligned(sizes.lse);
  const bitsAt = biasAt + aligned(sizes.bias);
  // Of its own length with and without a bias of each query.
  const length = bitsAt + sizes.bits + (biasRows > 1 ? 64 : 0);
  return { sizes, biasAt, bitsAt, length };
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
  return [Math.ceil(count / THREADS), heads, batch];
};

const attention: Fused<'WbdcAttention'> = ({ backend, inputs: { q, k, v, bias }, attrs: { heads, scale, drop } }) => {
  const shapes = shapesOf(q, k, heads);
  const { batch, queries, keys, words } = shapes;
  const biasRows = bias.shape[2];
  const { sizes, biasAt, bitsAt, length } = partsOf(shapes, biasRows, drop !== undefined);
  const [y, w] = [backend.empty(q.shape), backend.empty([length])];
  if (sizeOf(q.shape) === 0) return [y, w];
  const { forward } = sourcesFor({ size: q.shape[2] / heads, dropping: drop !== undefined });
  const kept = backend.regionOf(w);
  // Bits are drawn into memory of their own: a dispatch must not read a buffer that it writes.
  const [bits, release] = drop ? backend.scratch(4 * sizes.bits) : [];
  if (drop && bits) drawBits(backend, drop, bits, batch, heads * queries * keys);
  const operands = { y, lse: wordsIn(kept, 0, sizes.lse), q, k, v, bias, ...(bits && { bits }) };
  const params = { heads, queries, keys, words, biasAt: 0, biasRows, bitsAt: 0, scale, raised: drop?.scale ?? 1 };
  dispatch(backend, forward, operands, params, groupsOf(queries, shapes));
  backend.commands.copy(backend.regionOf(bias), wordsIn(kept, biasAt, sizes.bias));
  if (bits) backend.commands.copy(bits, wordsIn(kept, bitsAt, sizes.bits));
  release?.();
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
  const sources = sourcesFor({ size: q.shape[2] / heads, dropping: drop !== undefined });
  const biasRows = biasRowsOf(shapes, w, drop !== undefined);
  const { biasAt, bitsAt } = partsOf(shapes, biasRows, drop !== undefined);
  const [along, release] = backend.scratch(4 * batch * heads * queries);
  const params = { heads, queries, keys, words, biasAt, biasRows, bitsAt, scale, raised: drop?.scale ?? 1 };
  const operands = { along, dy, q, k, v, bits: w };
  dispatch(backend, sources.queries, { dq, ...operands }, params, groupsOf(queries, shapes));
  dispatch(backend, sources.keys, { dk, dv, ...operands }, params, groupsOf(keys, shapes));
  release();
  return [dq, dk, dv];
};

export const attentionKernels = defineKernels({ WbdcAttention: attention, WbdcAttentionGrad: attentionGrad });
