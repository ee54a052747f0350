import * as tf from '@tensorflow/tfjs';
import type { DataType, TensorInfo } from '@tensorflow/tfjs';
import { sizeOf } from '@wbdc/nn/plain';
import type { WebGpuBackend } from '../backend.js';
import { EACH, EACH_ENTRY, groupsFor, THREADS, type KernelSource } from '../kernel-source.js';
import { dispatch, type WebGpuKernel } from '../kernel.js';
import { COLUMN_SUMS, groupsOfColumns, MOST_COLUMNS } from './column-sums.js';
import { addUp } from './repairs.js';

/**
 * What a step asks of tfjs beside products and losses, on few axes. tfjs's own kernels take anything, which costs the
 * host two or three times as much for each: the text of a program to find it by, and numbers that are uploaded.
 */

/** What cuts or widens one axis goes over rows of `u.inner` values: there are `u.have` of x to each `u.want` of y. */
const ALONG = {
  write: { y: 'f32' },
  read: { x: 'f32' },
  params: { n: 'u32', have: 'u32', want: 'u32', first: 'u32', inner: 'u32' },
} as const;

/** Runs such a kernel, from where `starts` says on; gives nothing where several axes differ, or nothing is left. */
function alongAxis(
  backend: WebGpuBackend,
  source: KernelSource,
  x: TensorInfo,
  shape: readonly number[],
  starts: readonly number[],
): TensorInfo | undefined {
  const n = sizeOf(shape);
  const [axis = 0, ...others] = shape.flatMap((length, i) => (length === x.shape[i] ? [] : i));
  if (others.length > 0 || n === 0) return undefined;
  const y = backend.empty(shape);
  const inner = sizeOf(shape.slice(axis + 1));
  const params = { n, have: x.shape[axis], want: shape[axis], first: starts[axis], inner };
  dispatch(backend, source, { y, x }, params, groupsFor(n, THREADS));
  return y;
}

/** Of every `u.have` rows the `u.want` from `u.first` on. */
const SLICE: KernelSource = {
  name: 'Slice along an axis',
  ...ALONG,
  code: `${EACH_ENTRY} {
  ${EACH}
  let row = i / u.inner;
  y[i] = x[(row / u.want * u.have + row % u.want + u.first) * u.inner + i % u.inner];
}`,
};

/** tfjs's Slice where it cuts one axis. */
export function slice(own: WebGpuKernel): WebGpuKernel {
  return (call) => {
    const { backend, inputs, attrs } = call;
    const { x } = inputs;
    const { begin, size } = attrs as { begin: number | number[]; size: number | number[] };
    if (x.dtype !== 'float32' || x.shape.length === 0) return own(call);
    const [start, lengths] = tf.slice_util.parseSliceParams(x as tf.Tensor, begin, size);
    tf.slice_util.assertParamsValid(x as tf.Tensor, start, lengths);
    return alongAxis(backend, SLICE, x, lengths, start) ?? own(call);
  };
}

/** The reverse, with 0 where x has nothing. */
const PAD: KernelSource = {
  name: 'PadV2 along an axis',
  ...ALONG,
  code: `${EACH_ENTRY} {
  ${EACH}
  let row = i / u.inner;
  let at = row % u.want;
  y[i] = 0.0;
  if (at >= u.first && at < u.first + u.have) {
    y[i] = x[(row / u.want * u.have + at - u.first) * u.inner + i % u.inner];
  }
}`,
};

/** tfjs's PadV2 where it adds zeros along one axis: the gradient of a slice. */
export function pad(own: WebGpuKernel): WebGpuKernel {
  return (call) => {
    const { backend, inputs, attrs } = call;
    const { x } = inputs;
    const { paddings, constantValue } = attrs as { paddings: [number, number][]; constantValue: number };
    if (x.dtype !== 'float32' || x.shape.length === 0 || constantValue !== 0 || sizeOf(x.shape) === 0) return own(call);
    const shape = x.shape.map((length, i) => length + paddings[i][0] + paddings[i][1]);
    const starts = paddings.map(([before]) => before);
    return alongAxis(backend, PAD, x, shape, starts) ?? own(call);
  };
}

const ADD_TO_EACH: KernelSource = {
  name: 'Add to each',
  write: { y: 'f32' },
  read: { a: 'f32', b: 'f32' },
  params: { n: 'u32', width: 'u32' },
  code: `${EACH_ENTRY} {
  ${EACH}
  y[i] = a[i] + b[i % u.width];
}`,
};

/** Whether the last axes of `a` are those of `b`. */
function endsWith(a: readonly number[], b: readonly number[]): boolean {
  const before = a.length - b.length;
  return before >= 0 && b.every((length, i) => length === a[before + i]);
}

/** tfjs's Add for tensors of one shape, as most are where gradients meet, and where the second is added to each. */
export function add(own: WebGpuKernel): WebGpuKernel {
  return (call) => {
    const { backend, inputs } = call;
    const { a, b } = inputs;
    if (a.dtype !== 'float32' || b.dtype !== 'float32' || !endsWith(a.shape, b.shape)) return own(call);
    if (a.shape.length === b.shape.length) return addUp(backend, [a, b]);
    const y = backend.empty(a.shape);
    const n = sizeOf(a.shape);
    if (n > 0) dispatch(backend, ADD_TO_EACH, { y, a, b }, { n, width: sizeOf(b.shape) }, groupsFor(n, THREADS));
    return y;
  };
}

/** tfjs's Sum over the first axes, the gradient of what was added to each; and of no values, which tfjs's refuses. */
export function sum(own: WebGpuKernel): WebGpuKernel {
  return (call) => {
    const { backend, inputs, attrs } = call;
    const { x } = inputs;
    const { axis, keepDims } = attrs as { axis: number | number[]; keepDims: boolean };
    const axes = tf.util.parseAxisParam(axis, x.shape);
    const n = sizeOf(x.shape);
    if (n === 0) return zeros(backend, summedShape(x.shape, axes, keepDims), x.dtype);
    const first = axes.length > 0 && axes.length < x.shape.length && axes.every((one, i) => one === i);
    const shape = x.shape.slice(axes.length);
    const width = sizeOf(shape);
    if (x.dtype !== 'float32' || !first || keepDims || width > MOST_COLUMNS) return own(call);
    const y = backend.empty(shape);
    dispatch(backend, COLUMN_SUMS, { y, x }, { rows: n / width, width }, groupsOfColumns(width));
    return y;
  };
}

function summedShape(shape: number[], axes: number[], keepDims: boolean): number[] {
  const [rest] = tf.backend_util.computeOutAndReduceShapes(shape, axes);
  return keepDims ? tf.backend_util.expandShapeToKeepDim(rest, axes) : rest;
}

function zeros(backend: WebGpuBackend, shape: readonly number[], dtype: DataType): TensorInfo {
  const y = backend.empty(shape, dtype);
  backend.commands.clear(backend.regionOf(y));
  return y;
}
