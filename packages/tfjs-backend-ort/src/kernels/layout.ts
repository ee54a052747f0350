import * as tf from '@tensorflow/tfjs';
import type { TensorInfo } from '@tensorflow/tfjs';
import { sizeOf } from '@wbdc/nn/plain';
import type { NumericType, OrtBackend, Spec } from '../backend.js';
import { isFloat, isSmall, longs, SMALL, type NativeKernel } from '../kernel.js';

/** Types that ONNX Runtime moves about natively; tfjs's strings and complex numbers it does not know. */
function isMovable({ dtype }: TensorInfo): boolean {
  return dtype === 'float32' || dtype === 'int32';
}

const like = (x: TensorInfo, shape: readonly number[]): Spec => ({ shape, dtype: x.dtype as NumericType });

const transpose: NativeKernel = ({ backend, inputs: { x }, attrs }) => {
  const perm = attrs['perm'] as number[];
  if (!isMovable(x) || isSmall(x)) return undefined;
  const shape = perm.map((axis) => x.shape[axis]);
  return backend.run(`y = Transpose <perm = [${perm.join(', ')}]> (x)`, { x }, { y: like(x, shape) }).y;
};

/** A slice of x of the given shape; starts and steps are inputs, so that one session serves all. */
function sliceOf(backend: OrtBackend, x: TensorInfo, begin: number[], size: number[], strides?: number[]): TensorInfo {
  const axes = longs(x.shape.map((_, axis) => axis));
  const steps = strides ?? size.map(() => 1);
  // Going backwards, the end before the first element is -1; ONNX counts negative ends from the back.
  const ends = size.map((length, i) => begin[i] + length * steps[i]).map((end, i) => (end < 0 ? -x.shape[i] - 1 : end));
  const inputs = { x, starts: longs(begin), ends: longs(ends), axes, steps: longs(steps) };
  return backend.run('y = Slice (x, starts, ends, axes, steps)', inputs, { y: like(x, size) }).y;
}

const slice: NativeKernel = ({ backend, inputs: { x }, attrs }) => {
  const [begin, size] = tf.slice_util.parseSliceParams(
    x as tf.Tensor,
    attrs['begin'] as number[],
    attrs['size'] as number[],
  );
  tf.slice_util.assertParamsValid(x as tf.Tensor, begin, size);
  if (!isMovable(x) || isSmall(x) || sizeOf(size) === 0) return undefined;
  if (tf.slice_util.isSliceContinous(x.shape, begin, size)) {
    const offset = tf.slice_util.computeFlatOffset(begin, tf.util.computeStrides(x.shape));
    const y = backend.allocate(like(x, size));
    backend.values(y).set(backend.values(x).subarray(offset, offset + sizeOf(size)));
    return y;
  }
  return sliceOf(backend, x, begin, size);
};

const stridedSlice: NativeKernel = ({ backend, inputs: { x }, attrs }) => {
  const vector = (name: string): number[] => attrs[name] as number[];
  const mask = (name: string): number => attrs[name] as number;
  const info = tf.slice_util.sliceInfo(
    x.shape,
    vector('begin'),
    vector('end'),
    vector('strides'),
    mask('beginMask'),
    mask('endMask'),
    mask('ellipsisMask'),
    mask('newAxisMask'),
    mask('shrinkAxisMask'),
  );
  if (!isMovable(x) || isSmall(x) || sizeOf(info.finalShape) === 0 || info.isIdentity) return undefined;
  if (info.begin.length !== x.shape.length) return undefined;
  const size = tf.slice_util.computeOutShape(info.begin, info.end, info.strides);
  return backend.reshaped(sliceOf(backend, x, info.begin, size, info.strides), info.finalShape);
};

const splitV: NativeKernel = ({ backend, inputs: { x }, attrs: { numOrSizeSplits, axis } }) => {
  if (!isMovable(x) || isSmall(x)) return undefined;
  const [along] = tf.util.parseAxisParam(axis as number, x.shape);
  const sizes = tf.backend_util.prepareSplitSize(x as tf.Tensor, numOrSizeSplits as number[], along);
  if (sizes.includes(0)) return undefined;
  const begin = x.shape.map(() => 0);
  return sizes.map((length) => {
    const y = sliceOf(backend, x, begin, Object.assign([...x.shape], { [along]: length }));
    begin[along] += length;
    return y;
  });
};

function join(backend: OrtBackend, tensors: TensorInfo[], axis: number): TensorInfo | undefined {
  const filled = tensors.filter(({ shape }) => sizeOf(shape) > 0);
  if (filled.length < 2 || !filled.every((t) => isMovable(t) && t.dtype === filled[0].dtype)) return undefined;
  const shape = [...filled[0].shape];
  shape[axis] = filled.reduce((sum, t) => sum + t.shape[axis], 0);
  if (sizeOf(shape) < SMALL) return undefined;
  const named = Object.fromEntries(filled.map((t, i) => [`x${i}`, t]));
  const lines = `y = Concat <axis = ${axis}> (${Object.keys(named).join(', ')})`;
  return backend.run(lines, named, { y: like(filled[0], shape) }).y;
}

const concat: NativeKernel = ({ backend, inputs, attrs }) => {
  const tensors = Object.values(inputs);
  const [axis] = tf.util.parseAxisParam(attrs['axis'] as number, tensors[0].shape);
  tf.backend_util.assertParamsConsistent(
    tensors.map((t) => t.shape),
    axis,
  );
  return join(backend, tensors, axis);
};

/** Stacks tensors of one shape along a new axis. */
const pack: NativeKernel = ({ backend, inputs, attrs }) => {
  const tensors = Object.values(inputs);
  const axis = attrs['axis'] as number;
  if (axis < 0) return undefined;
  const widened = tensors.map((t) => backend.reshaped(t, t.shape.toSpliced(axis, 0, 1)));
  return join(backend, widened, axis);
};

const pad: NativeKernel = ({ backend, inputs: { x }, attrs }) => {
  const paddings = attrs['paddings'] as [number, number][];
  const value = attrs['constantValue'] as number;
  const shape = x.shape.map((size, i) => paddings[i][0] + size + paddings[i][1]);
  if (!isFloat(x) || sizeOf(x.shape) === 0 || sizeOf(shape) < SMALL || !Number.isFinite(value)) return undefined;
  const pads = longs([...paddings.map(([before]) => before), ...paddings.map(([, after]) => after)]);
  return backend.run(`y = Pad (x, pads, ${value})`, { x, pads }, { y: { shape } }).y;
};

const tile: NativeKernel = ({ backend, inputs: { x }, attrs }) => {
  const reps = attrs['reps'] as number[];
  const shape = x.shape.map((size, i) => size * reps[i]);
  if (!isMovable(x) || sizeOf(shape) < SMALL) return undefined;
  return backend.run('y = Tile (x, reps)', { x, reps: longs(reps) }, { y: like(x, shape) }).y;
};

function filled(value: number | undefined): NativeKernel {
  return ({ backend, inputs, attrs }) => {
    const shape = inputs['x']?.shape ?? (attrs['shape'] as number[]);
    const dtype = inputs['x']?.dtype ?? attrs['dtype'] ?? 'float32';
    if (dtype !== 'float32' && dtype !== 'int32' && dtype !== 'bool') return undefined;
    const y = backend.allocate({ shape, dtype });
    backend.values(y).fill(value ?? (attrs['value'] as number));
    return y;
  };
}

export const layout: Record<string, NativeKernel> = {
  Concat: concat,
  Fill: filled(undefined),
  OnesLike: filled(1),
  Pack: pack,
  PadV2: pad,
  Slice: slice,
  SplitV: splitV,
  StridedSlice: stridedSlice,
  Tile: tile,
  Transpose: transpose,
  ZerosLike: filled(0),
};
