import * as tf from '@tensorflow/tfjs';
import type { Tensor3D, Tensor4D } from '@tensorflow/tfjs';
import {
  attention,
  dropout,
  foldIn,
  newAttention,
  newLayer,
  newNorm,
  residual,
  subKey,
  transformerLayer,
  type Attention,
  type Key,
  type Layer,
  type LayerConfig,
  type Norm,
} from '@wbdc/nn';

/** A cross-modality layer: one cross attention for both directions, then a BERT layer of its own per stream. */
export interface CrossLayer {
  readonly cross: Attention;
  readonly crossNorm: Norm;
  readonly text: Layer;
  readonly video: Layer;
}

/** A stream's states `[B, N, D]` and the bias `[B, 1, 1, N]` that hides its padding. */
export interface Stream {
  readonly state: Tensor3D;
  readonly bias: Tensor4D;
}

export function newCrossLayer(key: Key, width: number, intermediate: number): CrossLayer {
  return {
    cross: newAttention(foldIn(key, 'cross'), width),
    crossNorm: newNorm(width),
    text: newLayer(foldIn(key, 'text'), width, intermediate),
    video: newLayer(foldIn(key, 'video'), width, intermediate),
  };
}

/**
 * One cross-modality layer (LXMERT, arXiv 1908.07490): each stream attends to the other as it was before the layer,
 * with weights shared between the directions, then to itself. Gives the new states of both.
 */
export function crossLayer(
  params: CrossLayer,
  text: Stream,
  video: Stream,
  config: LayerConfig,
  key?: Key,
): { text: Tensor3D; video: Tensor3D } {
  return tf.tidy(() => {
    const exchange = (from: Stream, to: Stream, name: string): Stream => {
      const attend = (x: Tensor3D): Tensor3D => {
        const probabilities = subKey(key, `${name} probabilities`);
        const mixed = attention(params.cross, x, from.state, from.bias, config, probabilities);
        return dropout(mixed, config.dropout, subKey(key, `${name} output`));
      };
      return { state: residual(to.state, attend, params.crossNorm, config), bias: to.bias };
    };
    const finish = ({ state, bias }: Stream, layer: Layer, name: string): Tensor3D =>
      transformerLayer(layer, state, bias, config, subKey(key, name));
    return {
      text: finish(exchange(video, text, 'to text'), params.text, 'text'),
      video: finish(exchange(text, video, 'to video'), params.video, 'video'),
    };
  });
}
