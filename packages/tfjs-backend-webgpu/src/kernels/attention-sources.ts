import type { KernelSource } from '../kernel-source.js';

/**
 * Attention without a matrix of weights [B, H, Q, K], after FlashAttention (Dao et al., arXiv 2205.14135): a thread for
 * each query goes over the keys, which its workgroup reads in tiles, and corrects its sum when a larger score turns up.
 * On a GPU with subgroups some neighbouring threads share a query, a part of its vectors each, and add their parts of a
 * score. Kept for the backward pass are the softmax's maxima and divisors [B, H, Q], the bits of the dropout and the
 * result, whose product with its gradient is the mean that the softmax's gradient takes off.
 */

/** Queries, or keys, of a workgroup. */
export const ROWS = 64;
/** Threads that share one, where there are subgroups and the vectors come out even. */
export const MOST_LANES = 2;
/** Bytes of workgroup memory for a tile's two vectors of each key, or query. */
const TILE_BYTES = 12_288;

/** Sizes that the code depends on. */
export interface Form {
  /** D / H. */
  readonly size: number;
  readonly dropping: boolean;
  /** Threads that share a query, or a key. */
  readonly lanes: number;
}

const PARAMS = {
  heads: 'u32',
  queries: 'u32',
  keys: 'u32',
  words: 'u32',
  biasAt: 'u32',
  biasRows: 'u32',
  bitsAt: 'u32',
  yAt: 'u32',
  scale: 'f32',
  raised: 'f32',
} as const;

interface Common {
  readonly piece: 'vec4f' | 'f32';
  readonly tile: number;
  readonly code: string;
  readonly enable: readonly string[];
}

/** What all three kernels share: vectors in pieces of four values where they come out even. */
function common({ size, dropping, lanes }: Form): Common {
  const quads = size % 4 === 0;
  const pieces = quads ? size / 4 : size;
  const tile = Math.max(1, Math.min(ROWS, Math.floor(TILE_BYTES / (8 * size))));
  const type = quads ? 'vec4f' : 'f32';
  const steps = Array.from({ length: Math.log2(lanes) }, (_, i) => `y += subgroupShuffleXor(y, ${2 ** i}u);`);
  const code = `const PIECES = ${pieces}u;
const OWN = ${pieces / lanes}u;
alias Piece = ${type};
var<workgroup> tileA: array<Piece, ${tile * pieces}>;
var<workgroup> tileB: array<Piece, ${tile * pieces}>;
// A bias is of the keys alone, or of each query too.
fn biasOf(batch: u32, query: u32, key: u32) -> u32 {
  return (batch * u.biasRows + select(0u, query, u.biasRows > 1u)) * u.keys + key;
}
fn product(a: Piece, b: Piece) -> f32 { return ${quads ? 'dot(a, b)' : 'a * b'}; }
// The sum over the threads that share a row.
fn shared2(x: vec2f) -> vec2f { var y = x; ${steps.join(' ')} return y; }
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
@compute @workgroup_size(${ROWS * lanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) t: u32) {
  let batch = group.z;
  let head = group.y;
  let row = group.x * ${ROWS}u + t / ${lanes}u;
  let lane = t % ${lanes}u;
  let stride = u.heads * PIECES;`;
  return { piece: type, tile, code, enable: lanes > 1 ? ['subgroups'] : [] };
}

/** Fills the tiles with rows of two tensors `[B, length, D]`, from `start` on. */
function loadTiles({ lanes }: Form, tile: number, length: string, a: string, b: string): string {
  return `workgroupBarrier();
    for (var n = t; n < ${tile}u * PIECES; n += ${ROWS * lanes}u) {
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
  const { piece, tile, code, enable } = common(form);
  return {
    name: `WbdcAttention of ${form.size}${form.dropping ? ' with dropout' : ''}`,
    // The bits are read alone, from the buffer that the rest of it is written to: a dispatch has it in one way.
    write: { y: piece, lse: 'f32', again: piece, ...(form.dropping && { bits: 'u32' }) },
    read: { q: piece, k: piece, v: piece, bias: 'f32' },
    params: PARAMS,
    enable,
    code: `${code}
  let own = (batch * u.queries + min(row, u.queries - 1u)) * stride + head * PIECES + lane;
  var query: array<Piece, OWN>;
  var sum: array<Piece, OWN>;
  for (var c = 0u; c < OWN; c++) { query[c] = q[own + c * ${form.lanes}u]; }
  var most = -3.4e38;
  var divisor = 0.0;
  for (var start = 0u; start < u.keys; start += ${tile}u) {
    ${loadTiles(form, tile, 'u.keys', 'k', 'v')}
    for (var j = 0u; j < min(${tile}u, u.keys - start); j++) {
      let key = start + j;
      var s = 0.0;
      for (var c = 0u; c < OWN; c++) { s += product(query[c], tileA[j * PIECES + c * ${form.lanes}u + lane]); }
      s = shared2(vec2f(s, 0.0)).x * u.scale + bias[biasOf(batch, min(row, u.queries - 1u), key)];
      if (s > most) {
        let less = exp(most - s);
        divisor *= less;
        for (var c = 0u; c < OWN; c++) { sum[c] *= less; }
        most = s;
      }
      let w = exp(s - most);
      divisor += w;
      let dropped = w * factor(batch, head, min(row, u.queries - 1u), key);
      for (var c = 0u; c < OWN; c++) { sum[c] += dropped * tileB[j * PIECES + c * ${form.lanes}u + lane]; }
    }
  }
  if (row < u.queries) {
    for (var c = 0u; c < OWN; c++) {
      let value = sum[c] / divisor;
      y[own + c * ${form.lanes}u] = value;
      again[own + c * ${form.lanes}u] = value;
    }
    // Of the largest score and the logarithm apart: with a bias of -1e9 their sum would lose the second.
    let at = 2u * ((batch * u.heads + head) * u.queries + row);
    if (lane == 0u) {
      lse[at] = most;
      lse[at + 1u] = divisor;
    }
  }
  // The bias lies behind them, for the backward pass: here, for a copy would end the pass that commands are in.
  if (head == 0u && (group.x == 0u || u.biasRows > 1u)) {
    let first = group.x * ${ROWS}u;
    let rows = select(1u, min(${ROWS}u, u.queries - first), u.biasRows > 1u);
    let origin = biasOf(batch, first, 0u);
    for (var n = t; n < rows * u.keys; n += ${ROWS * form.lanes}u) { lse[u.biasAt + origin + n] = bias[origin + n]; }
  }
}`,
  };
}

/** What the forward pass kept, floats and bits in one buffer: a stage may have no more than eight. */
const KEPT_FLOAT = 'fn keptFloat(at: u32) -> f32 { return bitcast<f32>(bits[at]); }';

/** A piece of the result, among what was kept. */
function keptPiece(piece: 'vec4f' | 'f32'): string {
  const whole = [0, 1, 2, 3].map((i) => `keptFloat(start + 4u * at + ${i}u)`).join(', ');
  const value = piece === 'vec4f' ? `vec4f(${whole})` : 'keptFloat(start + at)';
  return `fn keptPiece(start: u32, at: u32) -> ${piece} { return ${value}; }`;
}

/** dq, and sum(dw w) of each query, which the other half of the backward pass reads. */
function queriesSource(form: Form): KernelSource {
  const { piece, tile, code, enable } = common(form);
  return {
    name: `WbdcAttentionGrad of queries of ${form.size}${form.dropping ? ' with dropout' : ''}`,
    write: { dq: piece, along: 'f32' },
    read: { dy: piece, q: piece, k: piece, v: piece, bits: 'u32' },
    params: PARAMS,
    enable,
    code: `${KEPT_FLOAT}
${keptPiece(piece)}
${code}
  let at = (batch * u.heads + head) * u.queries + min(row, u.queries - 1u);
  let own = (batch * u.queries + min(row, u.queries - 1u)) * stride + head * PIECES + lane;
  var query: array<Piece, OWN>;
  var slope: array<Piece, OWN>;
  var sum: array<Piece, OWN>;
  var part = 0.0;
  for (var c = 0u; c < OWN; c++) {
    query[c] = q[own + c * ${form.lanes}u];
    slope[c] = dy[own + c * ${form.lanes}u];
    part += product(slope[c], keptPiece(u.yAt, own + c * ${form.lanes}u));
  }
  let mean = shared2(vec2f(part, 0.0)).x;
  let most = keptFloat(2u * at);
  let divisor = keptFloat(2u * at + 1u);
  for (var start = 0u; start < u.keys; start += ${tile}u) {
    ${loadTiles(form, tile, 'u.keys', 'k', 'v')}
    for (var j = 0u; j < min(${tile}u, u.keys - start); j++) {
      let key = start + j;
      var both = vec2f();
      for (var c = 0u; c < OWN; c++) {
        let there = j * PIECES + c * ${form.lanes}u + lane;
        both += vec2f(product(query[c], tileA[there]), product(slope[c], tileB[there]));
      }
      both = shared2(both);
      let shift = keptFloat(u.biasAt + biasOf(batch, min(row, u.queries - 1u), key));
      let w = exp(both.x * u.scale + shift - most) / divisor;
      let d = both.y * factor(batch, head, min(row, u.queries - 1u), key);
      let ds = w * (d - mean) * u.scale;
      for (var c = 0u; c < OWN; c++) { sum[c] += ds * tileA[j * PIECES + c * ${form.lanes}u + lane]; }
    }
  }
  if (row < u.queries) {
    for (var c = 0u; c < OWN; c++) { dq[own + c * ${form.lanes}u] = sum[c]; }
    if (lane == 0u) { along[at] = mean; }
  }
}`,
  };
}

/** dk and dv: a thread for each key goes over the queries. */
function keysSource(form: Form): KernelSource {
  const { piece, tile, code, enable } = common(form);
  return {
    name: `WbdcAttentionGrad of keys of ${form.size}${form.dropping ? ' with dropout' : ''}`,
    write: { dk: piece, dv: piece },
    read: { dy: piece, q: piece, k: piece, v: piece, bits: 'u32', along: 'f32' },
    params: PARAMS,
    enable,
    code: `${KEPT_FLOAT}
${code}
  let own = (batch * u.keys + min(row, u.keys - 1u)) * stride + head * PIECES + lane;
  var key: array<Piece, OWN>;
  var value: array<Piece, OWN>;
  var sumK: array<Piece, OWN>;
  var sumV: array<Piece, OWN>;
  for (var c = 0u; c < OWN; c++) { key[c] = k[own + c * ${form.lanes}u]; value[c] = v[own + c * ${form.lanes}u]; }
  for (var start = 0u; start < u.queries; start += ${tile}u) {
    ${loadTiles(form, tile, 'u.queries', 'q', 'dy')}
    for (var j = 0u; j < min(${tile}u, u.queries - start); j++) {
      let query = start + j;
      let at = (batch * u.heads + head) * u.queries + query;
      var both = vec2f();
      for (var c = 0u; c < OWN; c++) {
        let there = j * PIECES + c * ${form.lanes}u + lane;
        both += vec2f(product(key[c], tileA[there]), product(value[c], tileB[there]));
      }
      both = shared2(both);
      let shift = keptFloat(u.biasAt + biasOf(batch, query, min(row, u.keys - 1u)));
      let w = exp(both.x * u.scale + shift - keptFloat(2u * at)) / keptFloat(2u * at + 1u);
      let f = factor(batch, head, query, min(row, u.keys - 1u));
      let ds = w * (both.y * f - along[at]) * u.scale;
      for (var c = 0u; c < OWN; c++) {
        let there = j * PIECES + c * ${form.lanes}u + lane;
        sumV[c] += w * f * tileB[there];
        sumK[c] += ds * tileA[there];
      }
    }
  }
  if (row < u.keys) {
    for (var c = 0u; c < OWN; c++) { dk[own + c * ${form.lanes}u] = sumK[c]; dv[own + c * ${form.lanes}u] = sumV[c]; }
  }
}`,
  };
}

interface Sources {
  readonly forward: KernelSource;
  readonly queries: KernelSource;
  readonly keys: KernelSource;
}

const known = new Map<string, Sources>();

export function sourcesFor(form: Form): Sources {
  const key = `${form.size},${form.dropping},${form.lanes}`;
  let sources = known.get(key);
  if (!sources) {
    sources = { forward: forwardSource(form), queries: queriesSource(form), keys: keysSource(form) };
    known.set(key, sources);
  }
  return sources;
}
