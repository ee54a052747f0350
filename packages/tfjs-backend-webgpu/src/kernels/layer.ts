import type { TensorInfo } from '@tensorflow/tfjs';
import type { AttentionAttributes, DropMask, LayerAttributes } from '@wbdc/nn/kernels';
import type { WebGpuBackend } from '../backend.js';
import { defineKernels, type Fused } from '../kernel.js';
import { attentionKernels } from './attention.js';
import { dropoutKernels } from './dropout.js';
import { geluKernels } from './gelu.js';
import { layerNormGradInto, layerNormKernels } from './layer-norm.js';
import { linearGradInto, linearKernels } from './matmul.js';
import { addUp } from './repairs.js';

function linear(backend: WebGpuBackend, x: TensorInfo, weight: TensorInfo, bias: TensorInfo): TensorInfo {
  return linearKernels.WbdcLinear({ backend, inputs: { x, weight, bias }, attrs: {} })[0];
}

/** Frees tensors, each once: without a dropout two of them are one. */
function gone(backend: WebGpuBackend, ...tensors: readonly TensorInfo[]): void {
  tensors.forEach((tensor, i) => tensors.indexOf(tensor) === i && backend.disposeData(tensor.dataId));
}

/** Dropped out where a mask says so. */
function dropped(backend: WebGpuBackend, x: TensorInfo, drop: DropMask | undefined): TensorInfo {
  return drop ? dropoutKernels.WbdcDropout({ backend, inputs: { x }, attrs: { drop } })[0] : x;
}

function attentionAttributes(q: TensorInfo, { heads, drops }: LayerAttributes): AttentionAttributes {
  return { heads, scale: 1 / Math.sqrt(q.shape[2] / heads), ...(drops && { drop: drops.weights }) };
}

/** The kernels of a layer one after another: what passes between them is none of tfjs's tensors. */
const layer: Fused<'WbdcLayer'> = ({ backend, inputs, attrs }) => {
  const { x, bias, wq, bq, wk, bk, wv, bv, wo, bo, gamma1, beta1, wi, bi, wd, bd, gamma2, beta2 } = inputs;
  const { epsilon, form, drops } = attrs;
  const [q, k, v] = [linear(backend, x, wq, bq), linear(backend, x, wk, bk), linear(backend, x, wv, bv)];
  const mixing = { backend, inputs: { q, k, v, bias }, attrs: attentionAttributes(q, attrs) };
  const [mixed, w] = attentionKernels.WbdcAttention(mixing);
  const output = linear(backend, mixed, wo, bo);
  const attended = dropped(backend, output, drops?.attention);
  const sum1 = { a: x, b: attended, gamma: gamma1, beta: beta1 };
  const [middle, mean1, rstd1, x1] = layerNormKernels.WbdcAddLayerNorm({ backend, inputs: sum1, attrs: { epsilon } });
  gone(backend, output, attended);
  const hidden = linear(backend, middle, wi, bi);
  const [active] = geluKernels.WbdcGelu({ backend, inputs: { x: hidden }, attrs: { form } });
  const down = linear(backend, active, wd, bd);
  const fed = dropped(backend, down, drops?.output);
  const sum2 = { a: middle, b: fed, gamma: gamma2, beta: beta2 };
  const [y, mean2, rstd2, x2] = layerNormKernels.WbdcAddLayerNorm({ backend, inputs: sum2, attrs: { epsilon } });
  gone(backend, down, fed);
  return [y, q, k, v, w, mixed, x1, mean1, rstd1, middle, hidden, active, x2, mean2, rstd2];
};

/**
 * In the order in which the tape would walk through the same operations, so that sums have the same bits. What
 * parameters get lies together: the optimizer takes it in one piece.
 */
const layerGrad: Fused<'WbdcLayerGrad'> = ({ backend, inputs, attrs }) => {
  const { dy, x, wq, bq, wk, bk, wv, bv, wo, bo, gamma1, beta1, wi, bi, wd, bd, gamma2, beta2 } = inputs;
  const { q, k, v, w, mixed, x1, mean1, rstd1, middle, hidden, active, x2, mean2, rstd2 } = inputs;
  const { form, drops } = attrs;
  const parameters = [wq, bq, wk, bk, wv, bv, wo, bo, gamma1, beta1, wi, bi, wd, bd, gamma2, beta2];
  const into = backend.together(parameters.map(({ shape }) => shape));
  const [dwq, dbq, dwk, dbk, dwv, dbv, dwo, dbo, dgamma1, dbeta1, dwi, dbi, dwd, dbd, dgamma2, dbeta2] = into;
  const norm2 = { dy, x: x2, gamma: gamma2, mean: mean2, rstd: rstd2 };
  const dx2 = layerNormGradInto(backend, norm2, dgamma2, dbeta2);
  const fed = dropped(backend, dx2, drops?.output);
  const dactive = linearGradInto(backend, { dy: fed, x: active, weight: wd }, dwd, dbd);
  const [dhidden] = geluKernels.WbdcGeluGrad({ backend, inputs: { dy: dactive, x: hidden }, attrs: { form } });
  const dfeed = linearGradInto(backend, { dy: dhidden, x: middle, weight: wi }, dwi, dbi);
  const dmiddle = addUp(backend, [dx2, dfeed]);
  gone(backend, fed, dx2, dactive, dhidden, dfeed);
  const norm1 = { dy: dmiddle, x: x1, gamma: gamma1, mean: mean1, rstd: rstd1 };
  const dx1 = layerNormGradInto(backend, norm1, dgamma1, dbeta1);
  const attended = dropped(backend, dx1, drops?.attention);
  const dmixed = linearGradInto(backend, { dy: attended, x: mixed, weight: wo }, dwo, dbo);
  const mixing = { backend, inputs: { dy: dmixed, q, k, v, w }, attrs: attentionAttributes(q, attrs) };
  const [dq, dk, dv] = attentionKernels.WbdcAttentionGrad(mixing);
  const dxq = linearGradInto(backend, { dy: dq, x, weight: wq }, dwq, dbq);
  const dxk = linearGradInto(backend, { dy: dk, x, weight: wk }, dwk, dbk);
  const dxv = linearGradInto(backend, { dy: dv, x, weight: wv }, dwv, dbv);
  const along = addUp(backend, [dxq, dxk, dxv]);
  const dx = addUp(backend, [dx1, along]);
  gone(backend, attended, dx1, dmiddle, dmixed, dq, dk, dv, dxq, dxk, dxv, along);
  return [dx, ...into];
};

export const layerKernels = defineKernels({ WbdcLayer: layer, WbdcLayerGrad: layerGrad });
