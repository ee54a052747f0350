import type { TensorInfo } from '@tensorflow/tfjs';
import { sizeOf } from '@wbdc/nn/plain';
import type { WebGpuBackend } from '../backend.js';
import { EACH, EACH_ENTRY, groupsFor, rowEntry, THREADS, type KernelSource } from '../kernel-source.js';
import { dispatch, type Call, type WebGpuKernel } from '../kernel.js';

/** Inputs of a dispatch: with the output the eight buffers that every device has. */
const MOST = 7;

const INPUTS = ['x0', 'x1', 'x2', 'x3', 'x4', 'x5', 'x6'];

const sumOf = (count: number): KernelSource => {
  const names = INPUTS.slice(0, count);
  return {
    name: `AddN of ${count}`,
    write: { y: 'f32' },
    read: Object.fromEntries(names.map((name) => [name, 'f32' as const])),
    params: { n: 'u32' },
    code: `${EACH_ENTRY} {
  ${EACH}
  y[i] = ${names.map((name) => `${name}[i]`).join(' + ')};
}`,
  };
};

/** By the number of tensors, from 2 on. */
const SUMS = INPUTS.map((_, i) => sumOf(i)).concat(sumOf(MOST));

/** tfjs's takes one buffer for each tensor, and a device has only so many. */
export function addN(own: WebGpuKernel): WebGpuKernel {
  return (call) => {
    const { backend } = call;
    const tensors = Object.values(call.inputs);
    if (tensors.length < 2 || tensors.some(({ dtype }) => dtype !== 'float32')) return own(call);
    let [sum, rest] = [addUp(backend, tensors.slice(0, MOST)), tensors.slice(MOST)];
    while (rest.length > 0) {
      const longer = addUp(backend, [sum, ...rest.slice(0, MOST - 1)]);
      rest = rest.slice(MOST - 1);
      backend.disposeData(sum.dataId);
      sum = longer;
    }
    return sum;
  };
}

/** The sum of 2 to 7 tensors of one shape, float32, from the first to the last. */
export function addUp(backend: WebGpuBackend, tensors: readonly TensorInfo[]): TensorInfo {
  const y = backend.empty(tensors[0].shape);
  const n = sizeOf(y.shape);
  const operands: Record<string, TensorInfo> = { y };
  for (let i = 0; i < tensors.length; i++) operands[INPUTS[i]] = tensors[i];
  if (n > 0) dispatch(backend, SUMS[tensors.length], operands, { n }, groupsFor(n, THREADS));
  return y;
}

/** Rows are added up in blocks, and blocks in their order: a long segment waits for no more than its block. */
const BLOCK = 64;

/**
 * Of each row: the next of its segment in its block; of the first of its segment in its block, the first in a later
 * block, and whether it is the segment's first of all. The number of rows stands for none.
 */
const CHAIN: KernelSource = {
  name: 'UnsortedSegmentSum of ids',
  write: { chain: 'u32' },
  read: { ids: 'i32' },
  params: { n: 'u32', segments: 'i32' },
  code: `${EACH_ENTRY} {
  ${EACH}
  let segment = ids[i];
  let start = i - i % ${BLOCK}u;
  let end = min(start + ${BLOCK}u, u.n);
  var leads = segment >= 0 && segment < u.segments;
  for (var j = start; j < i; j++) { leads = leads && ids[j] != segment; }
  var next = u.n;
  for (var j = i + 1u; j < end; j++) { if (ids[j] == segment) { next = j; break; } }
  var later = u.n;
  var first = leads;
  if (leads) {
    for (var j = 0u; j < start; j++) { if (ids[j] == segment) { first = false; break; } }
    for (var j = end; j < u.n; j++) { if (ids[j] == segment) { later = j; break; } }
  }
  chain[3u * i] = select(0u, 1u, leads) + select(0u, 2u, first);
  chain[3u * i + 1u] = next;
  chain[3u * i + 2u] = later;
}`,
};

const WIDE = 64;

/** A workgroup for some columns of each row. */
const ROWS_AND_COLUMNS = `let id = group.y * groups.x + group.x;
  let blocks = (u.width + ${WIDE - 1}u) / ${WIDE}u;
  let row = id / blocks;
  let c = id % blocks * ${WIDE}u + t;
  if (row >= u.rows || c >= u.width) { return; }
  let kind = chain[3u * row];`;

const IN_BLOCKS: KernelSource = {
  name: 'UnsortedSegmentSum in blocks',
  write: { y: 'f32', parts: 'f32' },
  read: { x: 'f32', ids: 'i32', chain: 'u32' },
  params: { rows: 'u32', width: 'u32' },
  code: `${rowEntry(WIDE)} {
  ${ROWS_AND_COLUMNS}
  if ((kind & 1u) == 0u) { return; }
  var sum = 0.0;
  for (var at = row; at < u.rows; at = chain[3u * at + 1u]) { sum += x[at * u.width + c]; }
  if (kind == 3u && chain[3u * row + 2u] >= u.rows) { y[u32(ids[row]) * u.width + c] = sum; }
  else { parts[row * u.width + c] = sum; }
}`,
};

const OVER_BLOCKS: KernelSource = {
  name: 'UnsortedSegmentSum over blocks',
  write: { y: 'f32' },
  read: { parts: 'f32', ids: 'i32', chain: 'u32' },
  params: { rows: 'u32', width: 'u32' },
  code: `${rowEntry(WIDE)} {
  ${ROWS_AND_COLUMNS}
  if (kind != 3u || chain[3u * row + 2u] >= u.rows) { return; }
  var sum = 0.0;
  for (var at = row; at < u.rows; at = chain[3u * at + 2u]) { sum += parts[at * u.width + c]; }
  y[u32(ids[row]) * u.width + c] = sum;
}`,
};

/** tfjs's adds floats as they come, by compare and swap. Here the rows of a segment are added in a fixed order. */
export const unsortedSegmentSum = ({ backend, inputs: { x, segmentIds }, attrs }: Call): TensorInfo => {
  const { numSegments } = attrs as { numSegments: number };
  const y = backend.empty([numSegments, ...x.shape.slice(segmentIds.shape.length)]);
  return sumSegments(backend, x, segmentIds, y);
};

/** Into y of so many segments; rows of others are left out. */
export function sumSegments(backend: WebGpuBackend, x: TensorInfo, segmentIds: TensorInfo, y: TensorInfo): TensorInfo {
  const rows = sizeOf(segmentIds.shape);
  if (sizeOf(y.shape) === 0) return y;
  backend.commands.clear(backend.regionOf(y));
  if (rows === 0) return y;
  const width = sizeOf(x.shape) / rows;
  const segments = sizeOf(y.shape) / width;
  const [chain, releaseChain] = backend.scratch(12 * rows);
  const [parts, releaseParts] = backend.scratch(4 * rows * width);
  const shared = { ids: segmentIds, chain };
  dispatch(backend, CHAIN, shared, { n: rows, segments }, groupsFor(rows, THREADS));
  const groups = groupsFor(rows * Math.ceil(width / WIDE));
  dispatch(backend, IN_BLOCKS, { y, parts, x, ...shared }, { rows, width }, groups);
  dispatch(backend, OVER_BLOCKS, { y, parts, ...shared }, { rows, width }, groups);
  releaseParts();
  releaseChain();
  return y;
}
