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
  type Context,
  type Key,
  type Layer,
  type LayerConfig,
  type Norm,
  type Positions,
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
  told?: Context['attended'],
): { text: Tensor3D; video: Tensor3D } {
  return tf.tidy(() => {
    const telling = (queries: Positions, keys: Positions): LayerConfig => {
      return told ? { ...config, attended: (weights) => told({ queries, keys, weights }) } : config;
    };
    const exchange = (from: Stream, to: Stream, name: string, layer: LayerConfig): Stream => {
      const attend = (x: Tensor3D): Tensor3D => {
        const mixed = attention(params.cross, x, from.state, from.bias, layer, subKey(key, `${name} probabilities`));
        return dropout(mixed, config.dropout, subKey(key, `${name} output`));
      };
      return { state: residual(to.state, attend, params.crossNorm, config), bias: to.bias };
    };
    const toText = exchange(video, text, 'to text', telling('text', 'frames'));
    const toVideo = exchange(text, video, 'to video', telling('frames', 'text'));
    const finish = ({ state, bias }: Stream, layer: Layer, name: string, positions: Positions): Tensor3D =>
      transformerLayer(layer, state, bias, telling(positions, positions), subKey(key, name));
    return {
      text: finish(toText, params.text, 'text', 'text'),
      video: finish(toVideo, params.video, 'video', 'frames'),
    };
  });
}
