import { sizeOf } from '@wbdc/nn/plain';
import { EACH_ROW, groupsFor, rowEntry, workgroupSum, type KernelSource } from '../kernel-source.js';
import { defineKernels, dispatch, type Fused } from '../kernel.js';

const WIDE = 64;

const FORWARD: KernelSource = {
  name: 'WbdcMaskedSoftmax',
  write: { y: 'f32' },
  read: { x: 'f32', bias: 'f32' },
  params: { rows: 'u32', width: 'u32', each: 'u32', biasRows: 'u32', scale: 'f32' },
  code: `${workgroupSum(WIDE, 'f32')}
var<workgroup> largest: array<f32, ${WIDE}>;
${rowEntry(WIDE)} {
  ${EACH_ROW}
  let base = row * u.width;
  let start = (row / u.each * u.biasRows + row % u.biasRows) * u.width;
  var most = -3.4e38;
  for (var c = t; c < u.width; c += ${WIDE}u) { most = max(most, x[base + c] * u.scale + bias[start + c]); }
  largest[t] = most;
  workgroupBarrier();
  for (var half = ${WIDE / 2}u; half > 0u; half >>= 1u) {
    if (t < half) { largest[t] = max(largest[t], largest[t + half]); }
    workgroupBarrier();
  }
  most = largest[0];
  var sum = 0.0;
  for (var c = t; c < u.width; c += ${WIDE}u) {
    let e = exp(x[base + c] * u.scale + bias[start + c] - most);
    y[base + c] = e;
    sum += e;
  }
  let all = total(sum, t);
  for (var c = t; c < u.width; c += ${WIDE}u) { y[base + c] = y[base + c] / all; }
}`,
};

const BACKWARD: KernelSource = {
  name: 'WbdcMaskedSoftmaxGrad',
  write: { dx: 'f32' },
  read: { dy: 'f32', y: 'f32' },
  params: { rows: 'u32', width: 'u32', scale: 'f32' },
  code: `${workgroupSum(WIDE, 'f32')}
${rowEntry(WIDE)} {
  ${EACH_ROW}
  let base = row * u.width;
  var sum = 0.0;
  for (var c = t; c < u.width; c += ${WIDE}u) { sum += dy[base + c] * y[base + c]; }
  let along = total(sum, t);
  for (var c = t; c < u.width; c += ${WIDE}u) { dx[base + c] = u.scale * y[base + c] * (dy[base + c] - along); }
}`,
};

const maskedSoftmax: Fused<'WbdcMaskedSoftmax'> = ({ backend, inputs: { x, bias }, attrs: { scale } }) => {
  const y = backend.empty(x.shape);
  const [, heads, queries, width] = x.shape;
  const rows = sizeOf(x.shape) / width;
  const params = { rows, width, each: heads * queries, biasRows: bias.shape[2], scale };
  dispatch(backend, FORWARD, { y, x, bias }, params, groupsFor(rows));
  return [y];
};

const maskedSoftmaxGrad: Fused<'WbdcMaskedSoftmaxGrad'> = ({ backend, inputs: { dy, y }, attrs: { scale } }) => {
  const dx = backend.empty(y.shape);
  const width = y.shape.at(-1)!;
  const rows = sizeOf(y.shape) / width;
  dispatch(backend, BACKWARD, { dx, dy, y }, { rows, width, scale }, groupsFor(rows));
  return [dx];
};

export const softmaxKernels = defineKernels({
  WbdcMaskedSoftmax: maskedSoftmax,
  WbdcMaskedSoftmaxGrad: maskedSoftmaxGrad,
});
