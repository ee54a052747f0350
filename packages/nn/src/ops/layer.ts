import type { Tensor, Tensor3D, Tensor4D } from '@tensorflow/tfjs';
import type { LayerAttributes, LayerParameters } from '../kernels.js';
import type { Layer, LayerConfig } from '../layer.js';
import { foldIn, type Key } from '../random.js';
import { dropMask } from './drop-mask.js';
import { differentiable, fusedKernel, hasKernel } from './kernel.js';

const PARAMETERS = [
  ...(['wq', 'bq', 'wk', 'bk', 'wv', 'bv', 'wo', 'bo', 'gamma1', 'beta1'] as const),
  ...(['wi', 'bi', 'wd', 'bd', 'gamma2', 'beta2'] as const),
] satisfies (keyof LayerParameters<Tensor>)[];

function parametersOf(layer: Layer): LayerParameters<Tensor> {
  const { attention, attentionNorm, intermediate, output, outputNorm } = layer;
  return {
    wq: attention.query.weight,
    bq: attention.query.bias,
    wk: attention.key.weight,
    bk: attention.key.bias,
    wv: attention.value.weight,
    bv: attention.value.bias,
    wo: attention.output.weight,
    bo: attention.output.bias,
    gamma1: attentionNorm.gamma,
    beta1: attentionNorm.beta,
    wi: intermediate.weight,
    bi: intermediate.bias,
    wd: output.weight,
    bd: output.bias,
    gamma2: outputNorm.gamma,
    beta2: outputNorm.beta,
  };
}

/** Whether the engine has a layer as one kernel, and nobody asks for what is inside. */
export function isOneKernel({ norm, attended, rows }: LayerConfig): boolean {
  return norm === 'post' && !attended && !rows && hasKernel('WbdcLayer');
}

/**
 * A layer of x `[B, N, D]` as one operation: of what is inside it neither the tape nor tfjs's books know, which on a
 * GPU cost the host more than the commands. See {@link isOneKernel}.
 */
export function fusedLayer(layer: Layer, x: Tensor3D, bias: Tensor4D, config: LayerConfig, key?: Key): Tensor3D {
  const width = layer.attention.query.weight.shape[0];
  if (x.shape[2] !== width) {
    throw new RangeError(`linear: expected rows of ${width} values, got the shape [${x.shape.join(', ')}]`);
  }
  const parameters = parametersOf(layer);
  const attributes = attributesOf(config, key);
  return differentiable<Tensor>(
    [x, ...PARAMETERS.map((name) => parameters[name])],
    () => {
      const [value, ...saved] = fusedKernel('WbdcLayer', { ...parameters, x, bias }, attributes)!;
      return { value, saved: [x, ...saved] };
    },
    (dy, [x, q, k, v, w, mixed, x1, mean1, rstd1, middle, hidden, active, x2, mean2, rstd2]) => {
      const first = { ...parameters, dy, x, q, k, v, w, mixed, x1, mean1, rstd1 }; // a spread costs little in front
      return fusedKernel('WbdcLayerGrad', { ...first, middle, hidden, active, x2, mean2, rstd2 }, attributes)!;
    },
  ) as Tensor3D;
}

function attributesOf({ heads, epsilon, activation: form, dropout }: LayerConfig, key?: Key): LayerAttributes {
  if (!key || dropout === 0) return { heads, epsilon, form };
  const mask = (name: string) => dropMask(dropout, foldIn(key, name));
  const drops = { weights: mask('probabilities'), attention: mask('attention'), output: mask('output') };
  return { heads, epsilon, form, drops };
}
