import type { TensorInfo } from '@tensorflow/tfjs';
import type { KernelInputs } from '@wbdc/nn/kernels';
import { sizeOf } from '@wbdc/nn/plain';
import type { WebGpuBackend } from '../backend.js';
import { EACH_ROW, groupsFor, rowEntry, workgroupSum, type KernelSource } from '../kernel-source.js';
import { columnSums, groupsOfColumns } from './column-sums.js';
import { defineKernels, dispatch, type Fused } from '../kernel.js';

const WIDE = 128;

const forward = (adding: boolean): KernelSource => ({
  name: adding ? 'WbdcAddLayerNorm' : 'WbdcLayerNorm',
  write: { y: 'f32', mean: 'f32', rstd: 'f32', ...(adding && { x: 'f32' }) },
  read: { ...(adding ? { a: 'f32', b: 'f32' } : { x: 'f32' }), gamma: 'f32', beta: 'f32' },
  params: { rows: 'u32', width: 'u32', epsilon: 'f32' },
  code: `${workgroupSum(WIDE, 'f32')}
${rowEntry(WIDE)} {
  ${EACH_ROW}
  let base = row * u.width;
  var sum = 0.0;
  for (var c = t; c < u.width; c += ${WIDE}u) {
    ${adding ? 'x[base + c] = a[base + c] + b[base + c];' : ''}
    sum += x[base + c];
  }
  let m = total(sum, t) / f32(u.width);
  var squares = 0.0;
  for (var c = t; c < u.width; c += ${WIDE}u) { let d = x[base + c] - m; squares += d * d; }
  let r = 1.0 / sqrt(total(squares, t) / f32(u.width) + u.epsilon);
  for (var c = t; c < u.width; c += ${WIDE}u) { y[base + c] = (x[base + c] - m) * r * gamma[c] + beta[c]; }
  if (t == 0u) { mean[row] = m; rstd[row] = r; }
}`,
});

const FORWARD = forward(false);
const ADD_FORWARD = forward(true);

const BACKWARD: KernelSource = {
  name: 'WbdcLayerNormGrad',
  write: { dx: 'f32' },
  read: { dy: 'f32', x: 'f32', gamma: 'f32', mean: 'f32', rstd: 'f32' },
  params: { rows: 'u32', width: 'u32' },
  code: `${workgroupSum(WIDE, 'vec2f')}
${rowEntry(WIDE)} {
  ${EACH_ROW}
  let base = row * u.width;
  let m = mean[row];
  let r = rstd[row];
  var sums = vec2f();
  for (var c = t; c < u.width; c += ${WIDE}u) {
    let e = dy[base + c] * gamma[c];
    sums += vec2f(e, e * (x[base + c] - m) * r);
  }
  let along = total(sums, t) / f32(u.width);
  for (var c = t; c < u.width; c += ${WIDE}u) {
    let h = (x[base + c] - m) * r;
    dx[base + c] = r * (dy[base + c] * gamma[c] - along.x - h * along.y);
  }
}`,
};

const BACKWARD_COLUMNS = columnSums({
  name: 'WbdcLayerNormGrad of scale and shift',
  write: { dgamma: 'f32', dbeta: 'f32' },
  read: { dy: 'f32', x: 'f32', mean: 'f32', rstd: 'f32' },
  type: 'vec2f',
  value: 'dy[row * u.width + c] * vec2f((x[row * u.width + c] - mean[row]) * rstd[row], 1.0)',
  store: 'dgamma[c] = sum.x; dbeta[c] = sum.y;',
});

/** y, mean and rstd. */
function outcomeOf(backend: WebGpuBackend, shape: readonly number[]): [TensorInfo, TensorInfo, TensorInfo] {
  const column = [...shape.slice(0, -1), 1];
  return [backend.empty(shape), backend.empty(column), backend.empty(column)];
}

const layerNorm: Fused<'WbdcLayerNorm'> = ({ backend, inputs: { x, gamma, beta }, attrs: { epsilon } }) => {
  const [y, mean, rstd] = outcomeOf(backend, x.shape);
  const width = x.shape.at(-1)!;
  const rows = sizeOf(x.shape) / width;
  dispatch(backend, FORWARD, { y, mean, rstd, x, gamma, beta }, { rows, width, epsilon }, groupsFor(rows));
  return [y, mean, rstd];
};

const addLayerNorm: Fused<'WbdcAddLayerNorm'> = ({ backend, inputs: { a, b, gamma, beta }, attrs: { epsilon } }) => {
  const [y, mean, rstd] = outcomeOf(backend, a.shape);
  const x = backend.empty(a.shape);
  const width = a.shape.at(-1)!;
  const rows = sizeOf(a.shape) / width;
  const operands = { y, mean, rstd, x, a, b, gamma, beta };
  dispatch(backend, ADD_FORWARD, operands, { rows, width, epsilon }, groupsFor(rows));
  return [y, mean, rstd, x];
};

/** The gradients of a layer normalisation, those of scale and shift in tensors that are there. */
export function layerNormGradInto(
  backend: WebGpuBackend,
  { dy, x, gamma, mean, rstd }: KernelInputs<'WbdcLayerNormGrad', TensorInfo>,
  dgamma: TensorInfo,
  dbeta: TensorInfo,
): TensorInfo {
  const width = x.shape.at(-1)!;
  const rows = sizeOf(x.shape) / width;
  const dx = backend.empty(x.shape);
  dispatch(backend, BACKWARD, { dx, dy, x, gamma, mean, rstd }, { rows, width }, groupsFor(rows));
  const columns = { dgamma, dbeta, dy, x, mean, rstd };
  dispatch(backend, BACKWARD_COLUMNS, columns, { rows, width }, groupsOfColumns(width));
  return dx;
}

const layerNormGrad: Fused<'WbdcLayerNormGrad'> = ({ backend, inputs }) => {
  const { shape } = inputs.gamma;
  const [dgamma, dbeta] = [backend.empty(shape), backend.empty(shape)];
  return [layerNormGradInto(backend, inputs, dgamma, dbeta), dgamma, dbeta];
};

export const layerNormKernels = defineKernels({
  WbdcLayerNorm: layerNorm,
  WbdcAddLayerNorm: addLayerNorm,
  WbdcLayerNormGrad: layerNormGrad,
});
