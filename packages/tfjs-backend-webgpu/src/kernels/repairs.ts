import type { TensorInfo } from '@tensorflow/tfjs';
import { sizeOf } from '@wbdc/nn/plain';
import type { WebGpuBackend } from '../backend.js';
import { EACH, EACH_ENTRY, groupsFor, rowEntry, THREADS, type KernelSource } from '../kernel-source.js';
import { dispatch, type Call, type WebGpuKernel } from '../kernel.js';

/** Inputs of a dispatch: with the output the eight buffers that every device has. */
const MOST = 7;

const sumOf = (count: number): KernelSource => {
  const names = Array.from({ length: count }, (_, i) => `x${i}`);
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

const SUMS = new Map(Array.from({ length: MOST - 1 }, (_, i) => [i + 2, sumOf(i + 2)]));

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

function addUp(backend: WebGpuBackend, tensors: readonly TensorInfo[]): TensorInfo {
  const y = backend.empty(tensors[0].shape);
  const n = sizeOf(y.shape);
  const inputs = Object.fromEntries(tensors.map((tensor, i) => [`x${i}`, tensor]));
  if (n > 0) dispatch(backend, SUMS.get(tensors.length)!, { y, ...inputs }, { n }, groupsFor(n, THREADS));
  return y;
}

/** Of each row: whether it is the first of its segment, and which is the next. */
const CHAIN: KernelSource = {
  name: 'UnsortedSegmentSum of ids',
  write: { chain: 'u32' },
  read: { ids: 'i32' },
  params: { n: 'u32', segments: 'i32' },
  code: `${EACH_ENTRY} {
  ${EACH}
  let segment = ids[i];
  var first = select(0u, 1u, segment >= 0 && segment < u.segments);
  for (var j = 0u; j < i; j++) { if (ids[j] == segment) { first = 0u; break; } }
  var next = u.n;
  for (var j = i + 1u; j < u.n; j++) { if (ids[j] == segment) { next = j; break; } }
  chain[2u * i] = first;
  chain[2u * i + 1u] = next;
}`,
};

const WIDE = 64;

const SEGMENTS: KernelSource = {
  name: 'UnsortedSegmentSum',
  write: { y: 'f32' },
  read: { x: 'f32', ids: 'i32', chain: 'u32' },
  params: { rows: 'u32', width: 'u32' },
  code: `${rowEntry(WIDE)} {
  let row = group.y * groups.x + group.x;
  if (row >= u.rows || chain[2u * row] == 0u) { return; }
  let to = u32(ids[row]) * u.width;
  for (var c = t; c < u.width; c += ${WIDE}u) {
    var sum = 0.0;
    for (var at = row; at < u.rows; at = chain[2u * at + 1u]) { sum += x[at * u.width + c]; }
    y[to + c] = sum;
  }
}`,
};

/** tfjs's adds floats as they come, by compare and swap. Here the rows of a segment are added in their order. */
export const unsortedSegmentSum = ({ backend, inputs: { x, segmentIds }, attrs }: Call): TensorInfo => {
  const { numSegments } = attrs as { numSegments: number };
  const rows = sizeOf(segmentIds.shape);
  const y = backend.empty([numSegments, ...x.shape.slice(segmentIds.shape.length)]);
  if (sizeOf(y.shape) === 0) return y;
  backend.commands.clear(backend.regionOf(y));
  if (rows === 0) return y;
  const [chain, release] = backend.scratch(8 * rows);
  const n = { n: rows, segments: numSegments };
  dispatch(backend, CHAIN, { chain, ids: segmentIds }, n, groupsFor(rows, THREADS));
  const width = sizeOf(x.shape) / rows;
  dispatch(backend, SEGMENTS, { y, x, ids: segmentIds, chain }, { rows, width }, groupsFor(rows));
  release();
  return y;
};
