import type { DropMask } from '@wbdc/nn/kernels';
import { sizeOf } from '@wbdc/nn/plain';
import type { WebGpuBackend } from '../backend.js';
import type { Region } from '../commands.js';
import { EACH, EACH_ENTRY, groupsFor, rowEntry, THREADS, type KernelSource } from '../kernel-source.js';
import { defineKernels, dispatch, type Fused } from '../kernel.js';

/** Draws of a thread before the workgroup adds up: each gives two distances. */
const DRAWS = 4;

/**
 * The bits of a mask, 1 where it drops: a workgroup for each row. The distances between dropped values are drawn as the
 * contract says and added up over the workgroup; sums stop growing past the row, so that they cannot run over.
 */
const BITS: KernelSource = {
  name: 'bits of a dropout mask',
  write: { bits: 'atomic<u32>' },
  read: { gaps: 'u32' },
  params: { rows: 'u32', width: 'u32', words: 'u32', k0: 'u32', k1: 'u32' },
  changing: true,
  code: `const GOLDEN = 0x9e3779b9u;
var<workgroup> sums: array<u32, ${THREADS}>;
fn mix(word: u32) -> u32 {
  var h = (word ^ (word >> 16u)) * 0x85ebca6bu;
  h = (h ^ (h >> 13u)) * 0xc2b2ae35u;
  return h ^ (h >> 16u);
}
fn sum(a: u32, b: u32) -> u32 { return min(a + b, u.width + 1u); }
fn drop(first: u32, past: u32) {
  if (past <= u.width) {
    let at = past - 1u;
    atomicOr(&bits[first + at / 32u], 1u << (at % 32u));
  }
}
${rowEntry(THREADS)} {
  let row = group.y * groups.x + group.x;
  if (row >= u.rows) { return; }
  let first = row * u.words;
  for (var w = t; w < u.words; w += ${THREADS}u) { atomicStore(&bits[first + w], 0u); }
  storageBarrier();
  let offset = mix(u.k0 ^ mix(row + GOLDEN));
  let flip = mix((u.k1 ^ row) * GOLDEN + u.k0);
  var at = 0u; // one past the last value that was dropped
  for (var draw = 0u; ; draw += ${THREADS * DRAWS}u) {
    var near: array<u32, ${2 * DRAWS}>;
    var own = 0u;
    for (var d = 0u; d < ${DRAWS}u; d++) {
      let h = mix((offset + (draw + t * ${DRAWS}u + d) * GOLDEN) ^ flip);
      own = sum(own, min(gaps[h & 0xffffu], u.width + 1u));
      near[2u * d] = own;
      own = sum(own, min(gaps[h >> 16u], u.width + 1u));
      near[2u * d + 1u] = own;
    }
    sums[t] = own;
    workgroupBarrier();
    for (var step = 1u; step < ${THREADS}u; step <<= 1u) {
      var add = 0u;
      if (t >= step) { add = sums[t - step]; }
      workgroupBarrier();
      sums[t] = sum(sums[t], add);
      workgroupBarrier();
    }
    var before = at;
    if (t > 0u) { before = sum(at, sums[t - 1u]); }
    for (var d = 0u; d < ${2 * DRAWS}u; d++) { drop(first, sum(before, near[d])); }
    at = sum(at, workgroupUniformLoad(&sums[${THREADS - 1}]));
    workgroupBarrier();
    if (at >= u.width) { break; }
  }
}`,
};

const APPLY: KernelSource = {
  name: 'WbdcDropout',
  write: { y: 'f32' },
  read: { x: 'f32', bits: 'u32' },
  params: { n: 'u32', width: 'u32', words: 'u32', scale: 'f32' },
  code: `${EACH_ENTRY} {
  ${EACH}
  let at = i % u.width;
  let word = bits[i / u.width * u.words + at / 32u];
  y[i] = select(x[i] * u.scale, 0.0, ((word >> (at % 32u)) & 1u) == 1u);
}`,
};

/** Words of a row's bits. */
export function wordsOf(width: number): number {
  return Math.ceil(width / 32);
}

/** Draws a mask for rows of `width` values, row after row. */
export function drawBits(
  backend: WebGpuBackend,
  { key, gaps }: DropMask,
  bits: Region,
  rows: number,
  width: number,
): void {
  const params = { rows, width, words: wordsOf(width), k0: key[0], k1: key[1] };
  dispatch(backend, BITS, { bits, gaps: gapTable(backend, gaps) }, params, groupsFor(rows));
}

/** One table for each rate, on each device. */
const tables = new WeakMap<WebGpuBackend, Map<Uint32Array, Region>>();

function gapTable(backend: WebGpuBackend, gaps: Uint32Array): Region {
  let known = tables.get(backend);
  if (!known) tables.set(backend, (known = new Map<Uint32Array, Region>()));
  let table = known.get(gaps);
  if (!table) {
    [table] = backend.upload(gaps);
    known.set(gaps, table);
  }
  return table;
}

const dropout: Fused<'WbdcDropout'> = ({ backend, inputs: { x }, attrs: { drop } }) => {
  const y = backend.empty(x.shape);
  const n = sizeOf(x.shape);
  if (n === 0) return [y];
  const rows = x.shape[0] ?? 1;
  const width = n / rows;
  const words = wordsOf(width);
  const [bits, release] = backend.scratch(4 * rows * words);
  drawBits(backend, drop, bits, rows, width);
  dispatch(backend, APPLY, { y, x, bits }, { n, width, words, scale: drop.scale }, groupsFor(n, THREADS));
  release();
  return [y];
};

export const dropoutKernels = defineKernels({ WbdcDropout: dropout });
