import * as tf from '@tensorflow/tfjs';
import { sizeOf } from '@wbdc/nn/plain';
import type { NumericType } from '../backend.js';
import { isFloat, type NativeKernel } from '../kernel.js';

const gather: NativeKernel = ({ backend, inputs: { x, indices }, attrs }) => {
  const [axis] = tf.util.parseAxisParam(attrs['axis'] as number, x.shape);
  const movable = x.dtype === 'float32' || x.dtype === 'int32';
  if (!movable || indices.dtype !== 'int32' || attrs['batchDims'] || sizeOf(indices.shape) === 0) return undefined;
  const limit = x.shape[axis];
  backend.values(indices).forEach((index) => {
    if (index >= 0 && index < limit) return;
    throw new RangeError(`gather: expected indices in [0, ${limit}) along axis ${axis}, got ${index}`);
  });
  const shape = x.shape.toSpliced(axis, 1, ...indices.shape);
  const lines = `y = Gather <axis = ${axis}> (x, indices)`;
  return backend.run(lines, { x, indices }, { y: { shape, dtype: x.dtype as NumericType } }).y;
};

/** Sums rows by their segment: the gradient of a gather. Rows of a segment that does not exist are left out. */
const unsortedSegmentSum: NativeKernel = ({ backend, inputs: { x, segmentIds }, attrs }) => {
  const segments = attrs['numSegments'] as number;
  if (!isFloat(x)) return undefined;
  const rows = sizeOf(segmentIds.shape);
  const width = rows === 0 ? 0 : sizeOf(x.shape) / rows;
  const y = backend.allocate({ shape: [segments, ...x.shape.slice(segmentIds.shape.length)] });
  const [from, to, ids] = [backend.values(x), backend.values(y).fill(0), backend.values(segmentIds)];
  for (let row = 0; row < rows; row++) {
    const id = ids[row];
    if (id < 0 || id >= segments) continue;
    for (let i = row * width, j = id * width, end = i + width; i < end; i++, j++) to[j] += from[i];
  }
  return y;
};

const oneHot: NativeKernel = ({ backend, inputs: { indices }, attrs }) => {
  const { depth, onValue, offValue, dtype } = attrs as Record<string, number> & { dtype?: NumericType };
  const y = backend.allocate({ shape: [...indices.shape, depth], dtype: dtype ?? 'int32' });
  const values = backend.values(y).fill(offValue);
  backend.values(indices).forEach((index, row) => {
    if (index >= 0 && index < depth) values[row * depth + index] = onValue;
  });
  return y;
};

export const lookup: Record<string, NativeKernel> = {
  GatherV2: gather,
  OneHot: oneHot,
  UnsortedSegmentSum: unsortedSegmentSum,
};
