import * as tf from '@tensorflow/tfjs';
import type { Tensor2D, Tensor3D } from '@tensorflow/tfjs';
import {
  assertBatchFits,
  attentionBias,
  bertLayerConfig,
  embedInputs,
  embedWords,
  foldIn,
  frameFeatures,
  ints,
  joinColumns,
  linear,
  newBert,
  newInputEmbedding,
  newLinear,
  subKey,
  transformer,
  type Batch,
  type Bert,
  type Context,
  type Encoded,
  type Encoder,
  type InputEmbedding,
  type Key,
  type Linear,
} from '@wbdc/nn';
import { assertConfig, type UniModelConfig } from './config.js';

/**
 * Parameters of the single-stream model. The frames have an embeddings block of their own, not shared with the text.
 */
export interface UniModel {
  readonly bert: Bert;
  readonly frames: { readonly projection: Linear; readonly embeddings: InputEmbedding };
}

/**
 * The single-stream encoder (VisualBERT-like, arXiv 1908.03557): one BERT attends over text and frames together.
 *
 * The two published layouts, `[CLS] frames [SEP] title [SEP]` and `[CLS] title [SEP] ocr [SEP] asr [SEP] frames`, are
 * the same function of the batch: attention knows no order beyond the positions, and text and frames count theirs
 * apart. What differs is the token row, `[CLS] [SEP] title [SEP]` or `[CLS] title [SEP] ...`, which the tokenizer's
 * layout decides.
 *
 * Unlike both originals, padding is masked in every layer.
 */
export function uniModel(config: UniModelConfig): Encoder<UniModel> {
  assertConfig(config);
  return {
    hiddenSize: config.hiddenSize,
    vocabSize: config.vocabSize,
    frameSize: config.frameSize,
    init: (key) => newUniModel(key, config),
    encode: (params, batch, context) => encode(params, batch, context, config),
    wordEmbeddings: (params) => params.bert.embeddings.word,
  };
}

function newUniModel(key: Key, config: UniModelConfig): UniModel {
  return { bert: newBert(foldIn(key, 'bert'), config), frames: newFrames(key, config) };
}

/** The frames' side of fresh parameters, from the key of all. */
export function newFrames(
  key: Key,
  { hiddenSize, frameSize, maxFrames, segments }: UniModelConfig,
): UniModel['frames'] {
  const own = foldIn(key, 'frames');
  return {
    projection: newLinear(foldIn(own, 'projection'), frameSize, hiddenSize),
    embeddings: newInputEmbedding(foldIn(own, 'embeddings'), maxFrames, segments, hiddenSize),
  };
}

function encode(params: UniModel, batch: Batch, context: Context, config: UniModelConfig): Encoded {
  const { dropout, recompute, attended: told } = context;
  assertBatchFits('uni-model', batch, config);
  const [size, length] = batch.tokens.shape;
  const frames = batch.frameMask.shape[1];
  return tf.tidy(() => {
    const { embeddings, layers } = params.bert;
    const words = embedWords(embeddings.word, batch.tokens); // [B, L, D]
    const text = embedInputs(embeddings, words, batch.segments, config.dropout, subKey(dropout, 'text'));
    // [B, L + F, D]
    const input = frames === 0 ? text : tf.concat([text, embedFrames(params, batch, context, config)], 1);
    const bias = attentionBias(joinColumns(batch.textMask, batch.frameMask)); // [B, 1, 1, L + F]
    const attended = told && ((weights: tf.Tensor4D) => told({ queries: 'both', keys: 'both', weights }));
    const layer = bertLayerConfig({ ...config, recompute, attended });
    const state = transformer(layers, input, bias, layer, subKey(dropout, 'layers'));
    const width = config.hiddenSize;
    return {
      text: tf.slice(state, [0, 0, 0], [size, length, width]), // [B, L, D]
      frames: tf.slice(state, [0, length, 0], [size, frames, width]), // [B, F, D]
      cls: tf.reshape(tf.slice(state, [0, 0, 0], [size, 1, width]), [size, width]) as Tensor2D, // [B, D]
    };
  });
}

function embedFrames(params: UniModel, batch: Batch, context: Context, config: UniModelConfig): Tensor3D {
  const { projection, embeddings } = params.frames;
  const features = linear(frameFeatures(batch, context), projection);
  const segments = ints(batch.frameMask.shape);
  segments.data.fill(config.frameSegment);
  return embedInputs(embeddings, features, segments, config.dropout, subKey(context.dropout, 'frames'));
}
