import * as tf from '@tensorflow/tfjs';
import type { Tensor2D, Tensor3D } from '@tensorflow/tfjs';
import {
  assertBatchFits,
  attentionBias,
  bert,
  bertLayerConfig,
  dropout,
  foldIn,
  frameFeatures,
  ints,
  joinColumns,
  layerNorm,
  linear,
  newBert,
  newLayer,
  newLinear,
  newNorm,
  newTable,
  subKey,
  transformer,
  type Batch,
  type Bert,
  type Context,
  type Encoded,
  type Encoder,
  type Key,
  type Layer,
  type LayerConfig,
  type Linear,
  type Norm,
  type Positions,
} from '@wbdc/nn';
import { assertConfig, type LxmertModelConfig } from './config.js';
import { crossLayer, newCrossLayer, type CrossLayer, type Stream } from './cross-layer.js';

/** The video stream: a transformer over frames behind a learned class token, a ViT whose patches are frames. */
export interface VideoStream {
  readonly projection: Linear;
  /** `[1, D]` */
  readonly classToken: Tensor2D;
  /** `[1 + F, D]`, the class token's first. */
  readonly position: Tensor2D;
  readonly layers: readonly Layer[];
  /** Behind the layers, or before them where `videoNorm` is `post`. */
  readonly norm: Norm;
}

/** Parameters of the double-stream model. */
export interface LxmertModel {
  readonly bert: Bert;
  readonly video: VideoStream;
  readonly cross: readonly CrossLayer[];
}

/** Hugging Face's default for a ViT. */
const VIDEO_EPSILON = 1e-12;

/**
 * The double-stream encoder (LXMERT-like, arXiv 1908.07490): a BERT over the text, a pre-normalised transformer over
 * the frames, then cross-modality layers. `cls` is the text's. A missing modality leaves its stream with `[CLS]` alone,
 * so attention always has something to look at.
 */
export function lxmertModel(config: LxmertModelConfig): Encoder<LxmertModel> {
  assertConfig(config);
  return {
    hiddenSize: config.hiddenSize,
    vocabSize: config.vocabSize,
    frameSize: config.frameSize,
    init: (key) => newLxmertModel(key, config),
    encode: (params, batch, context) => encode(params, batch, context, config),
    wordEmbeddings: (params) => params.bert.embeddings.word,
  };
}

function newLxmertModel(key: Key, config: LxmertModelConfig): LxmertModel {
  const make = lxmertParts(key, config);
  return {
    bert: make.bert(),
    video: {
      projection: make['video.projection'](),
      classToken: make['video.classToken'](),
      position: make['video.position'](),
      layers: make['video.layers'](),
      norm: make['video.norm'](),
    },
    cross: make.cross(),
  };
}

/** What makes each part of fresh parameters, by its path: a part that is read from a file need not be drawn. */
export function lxmertParts(key: Key, config: LxmertModelConfig) {
  const { hiddenSize: width, intermediateSize } = config;
  const video = foldIn(key, 'video');
  const many = <T>(count: number, name: string, make: (key: Key) => T): T[] =>
    Array.from({ length: count }, (_, i) => make(foldIn(foldIn(key, name), i)));
  return {
    bert: () => newBert(foldIn(key, 'bert'), config),
    'video.projection': () => newLinear(foldIn(video, 'projection'), config.frameSize, width),
    'video.classToken': () => newTable(foldIn(video, 'classToken'), [1, width]),
    'video.position': () => newTable(foldIn(video, 'position'), [1 + config.maxFrames, width]),
    'video.layers': () => many(config.videoLayers, 'video layers', (layer) => newLayer(layer, width, intermediateSize)),
    'video.norm': () => newNorm(width),
    cross: () => many(config.crossLayers, 'cross', (layer) => newCrossLayer(layer, width, intermediateSize)),
  };
}

function encode(params: LxmertModel, batch: Batch, context: Context, sizes: LxmertModelConfig): Encoded {
  const { dropout: key, recompute, attended: told } = context;
  assertBatchFits('lxmert-model', batch, sizes);
  const config = { ...sizes, recompute };
  const [size, frames] = batch.frames.shape;
  return tf.tidy(() => {
    const classMask = ints([size, 1], new Int32Array(size).fill(1));
    const textBias = attentionBias(batch.textMask); // [B, 1, 1, L]
    const videoBias = attentionBias(joinColumns(classMask, batch.frameMask)); // [B, 1, 1, 1 + F]
    const within = (positions: Positions) =>
      told && ((weights: tf.Tensor4D) => told({ queries: positions, keys: positions, weights }));
    const ofText = { ...config, attended: within('text') };
    const ofVideo = { ...config, attended: within('frames') };
    let text: Stream = { state: bert(params.bert, batch, ofText, subKey(key, 'text')), bias: textBias };
    let video: Stream = {
      state: videoStream(params.video, frameFeatures(batch, context), ofVideo, videoBias, subKey(key, 'video')),
      bias: videoBias,
    };
    params.cross.forEach((layer, i) => {
      const states = crossLayer(layer, text, video, bertLayerConfig(config), subKey(key, i), told);
      text = { state: states.text, bias: textBias };
      video = { state: states.video, bias: videoBias };
    });
    const cls = tf.slice(text.state, [0, 0, 0], [size, 1, config.hiddenSize]);
    return {
      text: text.state, // [B, L, D]
      frames: tf.slice(video.state, [0, 1, 0], [size, frames, config.hiddenSize]), // [B, F, D]
      cls: tf.reshape(cls, [size, config.hiddenSize]) as Tensor2D, // [B, D]
    };
  });
}

/** The sizes, and how to run the layers. */
type Running = LxmertModelConfig & Pick<LayerConfig, 'recompute' | 'attended'>;

/** The video stream's layers: those of a ViT or of a BERT. */
export function videoLayerConfig(config: Running): LayerConfig {
  const { heads, dropout: rate, videoActivation: activation, videoNorm: norm = 'pre', recompute, attended } = config;
  return { heads, dropout: rate, norm, epsilon: VIDEO_EPSILON, activation, recompute, attended };
}

/** States of class token and frames `[B, 1 + F, D]`. */
function videoStream(params: VideoStream, features: Tensor3D, config: Running, bias: tf.Tensor4D, key?: Key): Tensor3D {
  return tf.tidy(() => {
    const [size, frames] = features.shape;
    const D = config.hiddenSize;
    const classTokens = tf.tile(tf.reshape(params.classToken, [1, 1, D]), [size, 1, 1]); // [B, 1, D]
    const projected = (): Tensor3D => linear(features, params.projection);
    const tokens = frames === 0 ? classTokens : tf.concat([classTokens, projected()], 1); // [B, 1 + F, D]
    const positions = tf.slice(params.position, [0, 0], [1 + frames, D]);
    const layer = videoLayerConfig(config);
    const normalize = (x: Tensor3D, at: LayerConfig['norm']): Tensor3D =>
      layer.norm === at ? layerNorm(x, params.norm, layer.epsilon) : x;
    const embedded = normalize(tf.add(tokens, positions), 'post');
    const x = dropout(embedded, config.dropout, subKey(key, 'embeddings'));
    return normalize(transformer(params.layers, x, bias, layer, subKey(key, 'layers')), 'pre');
  });
}
