import * as tf from '@tensorflow/tfjs';
import type { Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs';
import type { Batch } from './batch.js';
import type { Key } from './random.js';
import type { ParamTree } from './tree.js';

/** What a forward pass needs besides parameters and data. Without a key nothing random happens: evaluation. */
export interface Context {
  readonly dropout?: Key | undefined;
  /** Training in less memory: the backward pass computes each layer once more. */
  readonly recompute?: boolean | undefined;
  /** Frame features `[B, F, Dv]` in place of the batch's: those of a tower that learns too. */
  readonly frames?: Tensor3D | undefined;
  /** Told of what attends to what, layer by layer: see {@link attentionRollout}. */
  readonly attended?: ((attended: Attended) => void) | undefined;
}

/** Positions of a stream: tokens `[L]`, frames `[F]` (behind a class token where there is one), or both in turn. */
export type Positions = 'text' | 'frames' | 'both';

/** The weights of one attention. */
export interface Attended {
  /** Whose states it renews. */
  readonly queries: Positions;
  /** Whose states it mixes. */
  readonly keys: Positions;
  /** `[B, H, Q, K]`; they end with the call. */
  readonly weights: Tensor4D;
}

/** The frame features `[B, F, Dv]` of a forward pass. */
export function frameFeatures({ frames: { data, shape } }: Batch, { frames }: Context): Tensor3D {
  return frames ?? tf.tensor3d(data, shape as [number, number, number]);
}

/** What every encoder gives. Rows of padding hold unspecified values: whoever reads them applies the batch's masks. */
export interface Encoded {
  /** `[B, L, D]` */
  readonly text: Tensor3D;
  /** `[B, F, D]` */
  readonly frames: Tensor3D;
  /** `[B, D]`, the state of `[CLS]` */
  readonly cls: Tensor2D;
}

/** The contract of a video-text model: any objective runs on any encoder. */
export interface Encoder<P extends ParamTree> {
  readonly hiddenSize: number;
  readonly vocabSize: number;
  /** Dv, the width of a frame feature. */
  readonly frameSize: number;
  /** Fresh parameters, as trainable variables. */
  init(key: Key): P;
  /** The forward pass; a pure function of its arguments. */
  encode(params: P, batch: Batch, context: Context): Encoded;
  /** The word embeddings `[V, D]`, to which the decoder of masked tokens is tied. */
  wordEmbeddings(params: P): Tensor2D;
}

/** An encoder whose layers are computed once more in the backward pass, instead of kept. */
export function recomputing<P extends ParamTree>(encoder: Encoder<P>): Encoder<P> {
  return {
    ...encoder,
    encode: (params, batch, context) => encoder.encode(params, batch, { ...context, recompute: true }),
  };
}
