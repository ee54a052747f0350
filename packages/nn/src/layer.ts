import type { Tensor4D } from '@tensorflow/tfjs';
import type { GeluForm } from './kernels.js';
import type { AttentionInputs } from './ops/attention.js';
import type { Norm } from './ops/layer-norm.js';
import type { Linear } from './ops/linear.js';

export interface Attention extends AttentionInputs {
  readonly output: Linear;
}

/** One transformer layer (Vaswani et al., arXiv 1706.03762). */
export interface Layer {
  readonly attention: Attention;
  readonly attentionNorm: Norm;
  readonly intermediate: Linear;
  readonly output: Linear;
  readonly outputNorm: Norm;
}

export interface LayerConfig {
  readonly heads: number;
  /** Where the normalisations stand: after each sum (BERT) or before each block (CLIP, ViT). */
  readonly norm: 'post' | 'pre';
  readonly epsilon: number;
  readonly activation: GeluForm;
  /** Rate for attention probabilities and block outputs. */
  readonly dropout: number;
  /** Keep only the layers' inputs for the backward pass, see `recomputed`. */
  readonly recompute?: boolean | undefined;
  /** Gives the states of so many first positions alone; these still attend to all. */
  readonly rows?: number;
  /** Told of the weights `[B, H, Q, K]` of each attention, before the layer goes on; they end with the call. */
  readonly attended?: ((weights: Tensor4D) => void) | undefined;
}
