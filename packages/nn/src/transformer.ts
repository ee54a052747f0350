import * as tf from '@tensorflow/tfjs';
import type { Tensor3D, Tensor4D } from '@tensorflow/tfjs';
import { newLinear, newNorm } from './init.js';
import type { Attention, Layer, LayerConfig } from './layer.js';
import { attentionWeights, projectedAttention } from './ops/attention.js';
import { dropout } from './ops/dropout.js';
import { gelu } from './ops/gelu.js';
import { addLayerNorm, layerNorm, type Norm } from './ops/layer-norm.js';
import { fusedLayer, isOneKernel } from './ops/layer.js';
import { linear, type Linear } from './ops/linear.js';
import { recomputed } from './ops/recompute.js';
import { foldIn, type Key } from './random.js';

/** Fresh parameters of a layer of width D with a hidden width of `intermediate`. */
export function newLayer(key: Key, width: number, intermediate: number): Layer {
  return {
    attention: newAttention(foldIn(key, 'attention'), width),
    attentionNorm: newNorm(width),
    intermediate: newLinear(foldIn(key, 'intermediate'), width, intermediate),
    output: newLinear(foldIn(key, 'output'), intermediate, width),
    outputNorm: newNorm(width),
  };
}

export function newAttention(key: Key, width: number): Attention {
  const projection = (name: string): Linear => newLinear(foldIn(key, name), width, width);
  return {
    query: projection('query'),
    key: projection('key'),
    value: projection('value'),
    output: projection('output'),
  };
}

/** The key that a layer or block derives by its index or name; none without a key. */
export function subKey(key: Key | undefined, name: number | string): Key | undefined {
  return key && foldIn(key, name);
}

/**
 * Multi-head attention of x `[B, Q, D]` to a context `[B, K, D]`; bias `[B, 1, 1, K]` hides padding.
 * Without output dropout: that belongs to the residual block around it.
 */
export function attention(
  params: Attention,
  x: Tensor3D,
  context: Tensor3D,
  bias: Tensor4D,
  config: LayerConfig,
  key?: Key,
): Tensor3D {
  const options = { heads: config.heads, dropout: config.dropout, key };
  if (config.attended) {
    const weights = attentionWeights(params, x, context, bias, config.heads);
    config.attended(weights);
    weights.dispose();
  }
  return linear(projectedAttention(params, x, context, bias, options), params.output); // [B, Q, D]
}

/** One layer over x `[B, N, D]`; with `rows` gives `[B, rows, D]`. */
export function transformerLayer(params: Layer, x: Tensor3D, bias: Tensor4D, config: LayerConfig, key?: Key): Tensor3D {
  const drop = (t: Tensor3D, name: string): Tensor3D => dropout(t, config.dropout, subKey(key, name));
  const asked = (t: Tensor3D): Tensor3D => (config.rows ? tf.slice(t, 0, [-1, config.rows, -1]) : t);
  const attend = (t: Tensor3D, bias: Tensor4D): Tensor3D =>
    drop(attention(params.attention, asked(t), t, bias, config, subKey(key, 'probabilities')), 'attention');
  const feed = (t: Tensor3D): Tensor3D =>
    drop(linear(gelu(linear(t, params.intermediate), config.activation), params.output), 'output');
  const layer = (t: Tensor3D, bias: Tensor4D): Tensor3D => {
    if (isOneKernel(config)) return fusedLayer(params, t, bias, config, key);
    const attended = residual(t, (t) => attend(t, bias), params.attentionNorm, config, asked(t));
    return residual(attended, feed, params.outputNorm, config);
  };
  // The tidy frees at once what no gradient needs.
  return config.recompute ? recomputed(params, x, bias, layer) : tf.tidy(() => layer(x, bias));
}

/** A block and its shortcut, normalised after the sum (`post`) or before the block (`pre`). */
export function residual(
  x: Tensor3D,
  block: (t: Tensor3D) => Tensor3D,
  norm: Norm,
  config: LayerConfig,
  shortcut = x,
): Tensor3D {
  if (config.norm === 'pre') return tf.add(shortcut, block(layerNorm(x, norm, config.epsilon)));
  return addLayerNorm(shortcut, block(x), norm, config.epsilon);
}

/** Layers one after another. */
export function transformer(
  layers: readonly Layer[],
  x: Tensor3D,
  bias: Tensor4D,
  config: LayerConfig,
  key?: Key,
): Tensor3D {
  return layers.reduce((state, layer, i) => transformerLayer(layer, state, bias, config, subKey(key, i)), x);
}
