import * as tf from '@tensorflow/tfjs';
import type { Tensor2D, Tensor3D } from '@tensorflow/tfjs';
import type { Ints } from './host.js';
import { newNorm, newTable } from './init.js';
import { dropout } from './ops/dropout.js';
import { layerNorm, type Norm } from './ops/layer-norm.js';
import { gatherRows } from './ops/losses.js';
import { attentionBias } from './ops/masked-softmax.js';
import { foldIn, type Key } from './random.js';
import type { Layer, LayerConfig } from './layer.js';
import { newLayer, subKey, transformer } from './transformer.js';

/** Sizes of a BERT (Devlin et al., arXiv 1810.04805), named as in Hugging Face's configuration. */
export interface BertConfig {
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly intermediateSize: number;
  readonly maxPositions: number;
  readonly segments: number;
  readonly dropout: number;
}

/** What stands before the layers: positions, token types and a normalisation, for words or for frames. */
export interface InputEmbedding {
  readonly position: Tensor2D;
  readonly segment: Tensor2D;
  readonly norm: Norm;
}

export interface BertEmbedding extends InputEmbedding {
  readonly word: Tensor2D;
}

export interface Bert {
  readonly embeddings: BertEmbedding;
  readonly layers: readonly Layer[];
}

export const BERT_EPSILON = 1e-12;

/** What a BERT's layers need to know of it, and how to run them. */
export type BertLayerSettings = Pick<BertConfig, 'heads' | 'dropout'> & Pick<LayerConfig, 'recompute' | 'attended'>;

/** A BERT's layers: normalised after each sum, exact GELU. */
export function bertLayerConfig({ heads, dropout, recompute, attended }: BertLayerSettings): LayerConfig {
  return { heads, dropout, norm: 'post', epsilon: BERT_EPSILON, activation: 'erf', recompute, attended };
}

/** Fresh positions `[P, D]`, token types `[S, D]` and normalisation. */
export function newInputEmbedding(key: Key, positions: number, segments: number, width: number): InputEmbedding {
  return {
    position: newTable(foldIn(key, 'position'), [positions, width]),
    segment: newTable(foldIn(key, 'segment'), [segments, width]),
    norm: newNorm(width),
  };
}

export function newBert(key: Key, config: BertConfig): Bert {
  const { hiddenSize, vocabSize, maxPositions, segments } = config;
  const embedding = newInputEmbedding(foldIn(key, 'embeddings'), maxPositions, segments, hiddenSize);
  return {
    embeddings: { word: newTable(foldIn(key, 'word'), [vocabSize, hiddenSize]), ...embedding },
    layers: Array.from({ length: config.layers }, (_, i) =>
      newLayer(foldIn(foldIn(key, 'layers'), i), hiddenSize, config.intermediateSize),
    ),
  };
}

/** Adds positions 0..N-1 and token types `[B, N]` to x `[B, N, D]`, normalises and drops out. */
export function embedInputs(params: InputEmbedding, x: Tensor3D, segments: Ints, rate: number, key?: Key): Tensor3D {
  return tf.tidy(() => {
    const [, length, width] = x.shape;
    if (length > params.position.shape[0]) {
      throw new RangeError(
        `expected at most ${params.position.shape[0]} positions, got ${length}: ` +
          'raise maxPositions or shorten the input',
      );
    }
    const positions = tf.slice(params.position, [0, 0], [length, width]); // [N, D]
    const types = lookUp(params.segment, segments); // [B, N, D]
    const sum = tf.add(tf.add(x, positions), types); // [B, N, D]
    return dropout(layerNorm(sum as Tensor3D, params.norm, BERT_EPSILON), rate, key);
  });
}

/** Word vectors of token ids `[B, L]`: `[B, L, D]`. */
export function embedWords(table: Tensor2D, tokens: Ints): Tensor3D {
  return lookUp(table, tokens);
}

function lookUp(table: Tensor2D, { data, shape }: Ints): Tensor3D {
  return tf.reshape(gatherRows(table, data), [shape[0], shape[1], table.shape[1]]);
}

/** The last hidden state `[B, L, D]` of token rows. */
export function bert(
  params: Bert,
  text: { readonly tokens: Ints; readonly segments: Ints; readonly textMask: Ints },
  config: BertLayerSettings,
  key?: Key,
): Tensor3D {
  return tf.tidy(() => {
    const words = embedWords(params.embeddings.word, text.tokens);
    const x = embedInputs(params.embeddings, words, text.segments, config.dropout, subKey(key, 'embeddings'));
    return transformer(params.layers, x, attentionBias(text.textMask), bertLayerConfig(config), subKey(key, 'layers'));
  });
}
