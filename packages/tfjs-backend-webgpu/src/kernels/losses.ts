import type { TensorInfo } from '@tensorflow/tfjs';
import { sizeOf } from '@wbdc/nn/plain';
import type { WebGpuBackend } from '../backend.js';
import type { Region } from '../commands.js';
import {
  EACH,
  EACH_ENTRY,
  EACH_ROW,
  groupsFor,
  rowEntry,
  THREADS,
  workgroupSum,
  type KernelSource,
} from '../kernel-source.js';
import { defineKernels, dispatch, type Fused } from '../kernel.js';

/** The loss of each row; of its logits the largest, and the logarithm of the sum of the exponentials beside it. */
const SOFTMAX_ROWS: KernelSource = {
  name: 'WbdcSoftmaxCrossEntropy',
  write: { y: 'f32', saved: 'f32' },
  read: { x: 'f32', labels: 'i32' },
  params: { rows: 'u32', width: 'u32' },
  code: `${workgroupSum(THREADS, 'f32')}
var<workgroup> largest: array<f32, ${THREADS}>;
${rowEntry(THREADS)} {
  ${EACH_ROW}
  let base = row * u.width;
  var most = -3.4e38;
  for (var c = t; c < u.width; c += ${THREADS}u) { most = max(most, x[base + c]); }
  largest[t] = most;
  workgroupBarrier();
  for (var half = ${THREADS / 2}u; half > 0u; half >>= 1u) {
    if (t < half) { largest[t] = max(largest[t], largest[t + half]); }
    workgroupBarrier();
  }
  most = largest[0];
  var sum = 0.0;
  for (var c = t; c < u.width; c += ${THREADS}u) { sum += exp(x[base + c] - most); }
  let l = log(total(sum, t));
  if (t == 0u) {
    y[row] = l - (x[base + u32(labels[row])] - most);
    saved[2u * row] = most;
    saved[2u * row + 1u] = l;
  }
}`,
};

const SOFTMAX_BACKWARD: KernelSource = {
  name: 'WbdcSoftmaxCrossEntropyGrad',
  write: { dx: 'f32' },
  read: { dy: 'f32', x: 'f32', labels: 'i32', saved: 'f32' },
  params: { rows: 'u32', width: 'u32' },
  code: `${rowEntry(THREADS)} {
  ${EACH_ROW}
  let base = row * u.width;
  let most = saved[2u * row];
  let l = saved[2u * row + 1u];
  let share = dy[0] / f32(u.rows);
  let label = u32(labels[row]);
  for (var c = t; c < u.width; c += ${THREADS}u) {
    dx[base + c] = (exp(x[base + c] - most - l) - select(0.0, 1.0, c == label)) * share;
  }
}`,
};

const SIGMOID_ROWS: KernelSource = {
  name: 'WbdcSigmoidCrossEntropy',
  write: { y: 'f32' },
  read: { x: 'f32', targets: 'f32' },
  params: { rows: 'u32', width: 'u32' },
  code: `${workgroupSum(THREADS, 'f32')}
${rowEntry(THREADS)} {
  ${EACH_ROW}
  let base = row * u.width;
  var sum = 0.0;
  for (var c = t; c < u.width; c += ${THREADS}u) {
    let v = x[base + c];
    sum += max(v, 0.0) - v * targets[base + c] + log(1.0 + exp(-abs(v)));
  }
  let all = total(sum, t);
  if (t == 0u) { y[row] = all; }
}`,
};

const SIGMOID_BACKWARD: KernelSource = {
  name: 'WbdcSigmoidCrossEntropyGrad',
  write: { dx: 'f32' },
  read: { dy: 'f32', x: 'f32', targets: 'f32' },
  params: { n: 'u32' },
  code: `${EACH_ENTRY} {
  ${EACH}
  dx[i] = (1.0 / (1.0 + exp(-x[i])) - targets[i]) * (dy[0] / f32(u.n));
}`,
};

/** 1 where no value is larger than the label's, none before it as large, and none a NaN, which compares as it likes. */
const HITS: KernelSource = {
  name: 'WbdcCountCorrect',
  write: { y: 'f32' },
  read: { x: 'f32', labels: 'i32' },
  params: { rows: 'u32', width: 'u32' },
  code: `${workgroupSum(THREADS, 'f32')}
${rowEntry(THREADS)} {
  ${EACH_ROW}
  let base = row * u.width;
  let label = u32(labels[row]);
  let own = x[base + label];
  var wrong = 0.0;
  for (var c = t; c < u.width; c += ${THREADS}u) {
    let v = x[base + c];
    let none = (bitcast<u32>(v) & 0x7fffffffu) > 0x7f800000u;
    if (none || v > own || (v == own && c < label)) { wrong = 1.0; }
  }
  let all = total(wrong, t);
  if (t == 0u) { y[row] = select(0.0, 1.0, all == 0.0); }
}`,
};

/** The sum of all rows over a number. */
const ROWS_TO_ONE: KernelSource = {
  name: 'sum of rows',
  write: { y: 'f32' },
  read: { x: 'f32' },
  params: { rows: 'u32', count: 'f32' },
  code: `${workgroupSum(THREADS, 'f32')}
@compute @workgroup_size(${THREADS})
fn main(@builtin(local_invocation_index) t: u32) {
  var sum = 0.0;
  for (var row = t; row < u.rows; row += ${THREADS}u) { sum += x[row]; }
  let all = total(sum, t);
  if (t == 0u) { y[0] = all / u.count; }
}`,
};

/** The scalar of what a kernel finds for each row. */
function overRows(backend: WebGpuBackend, rows: number, count: number, find: (y: Region) => void): TensorInfo {
  const [found, release] = backend.scratch(4 * Math.max(1, rows)); // WebGPU binds nothing empty
  find(found);
  const y = backend.empty([]);
  dispatch(backend, ROWS_TO_ONE, { y, x: found }, { rows, count }, [1, 1, 1]);
  release();
  return y;
}

const softmaxLoss: Fused<'WbdcSoftmaxCrossEntropy'> = ({ backend, inputs: { logits: x, labels } }) => {
  const [rows, width] = x.shape;
  const saved = backend.empty([rows, 2]);
  const y = overRows(backend, rows, rows, (y) =>
    dispatch(backend, SOFTMAX_ROWS, { y, saved, x, labels }, { rows, width }, groupsFor(rows)),
  );
  return [y, saved];
};

const softmaxLossGrad: Fused<'WbdcSoftmaxCrossEntropyGrad'> = ({
  backend,
  inputs: { dy, logits: x, labels, saved },
}) => {
  const [rows, width] = x.shape;
  const dx = backend.empty(x.shape);
  dispatch(backend, SOFTMAX_BACKWARD, { dx, dy, x, labels, saved }, { rows, width }, groupsFor(rows));
  return [dx];
};

const sigmoidLoss: Fused<'WbdcSigmoidCrossEntropy'> = ({ backend, inputs: { logits: x, targets } }) => {
  const size = sizeOf(x.shape);
  const rows = size > 0 ? (x.shape[0] ?? 1) : 0;
  const y = overRows(backend, rows, size, (y) => {
    if (rows > 0) dispatch(backend, SIGMOID_ROWS, { y, x, targets }, { rows, width: size / rows }, groupsFor(rows));
  });
  return [y];
};

const sigmoidLossGrad: Fused<'WbdcSigmoidCrossEntropyGrad'> = ({ backend, inputs: { dy, logits: x, targets } }) => {
  const dx = backend.empty(x.shape);
  const n = sizeOf(x.shape);
  if (n > 0) dispatch(backend, SIGMOID_BACKWARD, { dx, dy, x, targets }, { n }, groupsFor(n, THREADS));
  return [dx];
};

const countCorrect: Fused<'WbdcCountCorrect'> = ({ backend, inputs: { logits: x, labels } }) => {
  const [rows, width] = x.shape;
  const y = overRows(backend, rows, 1, (y) =>
    dispatch(backend, HITS, { y, x, labels }, { rows, width }, groupsFor(rows)),
  );
  return [y];
};

export const lossKernels = defineKernels({
  WbdcSoftmaxCrossEntropy: softmaxLoss,
  WbdcSoftmaxCrossEntropyGrad: softmaxLossGrad,
  WbdcSigmoidCrossEntropy: sigmoidLoss,
  WbdcSigmoidCrossEntropyGrad: sigmoidLossGrad,
  WbdcCountCorrect: countCorrect,
});
