import type { BertConfig, GeluForm } from '@wbdc/nn';

/** Sizes of the double-stream model. Both streams have the text's width. */
export interface LxmertModelConfig extends BertConfig {
  /** Dv, the width of a frame feature. */
  readonly frameSize: number;
  /** Most frames of a video. */
  readonly maxFrames: number;
  /** Depth of the video stream: 6 in the published code, 12 for a full ViT-base. */
  readonly videoLayers: number;
  /** `erf` for a ViT, `quick` for a vision tower of CLIP. */
  readonly videoActivation: GeluForm;
  /**
   * Where the video stream's normalisations stand: `pre`, before each block as in a ViT, and one behind the last layer
   * (the default); `post`, after each sum as in BERT, and one before the first layer, which is what WBDC's published
   * code and LXMERT have.
   */
  readonly videoNorm?: 'pre' | 'post';
  /** Cross-modality layers: 3. */
  readonly crossLayers: number;
}

const bert = { vocabSize: 21128, maxPositions: 512, segments: 2, dropout: 0.1, maxFrames: 32, frameSize: 768 };

/** WBDC 2022: BERT-base, a video stream of 6 layers, 3 cross-modality layers. */
export const BASE: LxmertModelConfig = {
  ...bert,
  hiddenSize: 768,
  layers: 12,
  heads: 12,
  intermediateSize: 3072,
  videoLayers: 6,
  videoActivation: 'erf',
  crossLayers: 3,
};

/** BERT-large with a video stream of the same width. */
export const LARGE: LxmertModelConfig = {
  ...BASE,
  hiddenSize: 1024,
  layers: 24,
  heads: 16,
  intermediateSize: 4096,
};

/** Small enough for tests and a first look. */
export const TINY: LxmertModelConfig = {
  ...BASE,
  hiddenSize: 128,
  layers: 2,
  heads: 2,
  intermediateSize: 512,
  videoLayers: 1,
  crossLayers: 1,
};

/** Throws where sizes do not fit together. */
export function assertConfig(config: LxmertModelConfig): void {
  const { dropout, videoActivation, videoNorm = 'pre', ...sizes } = config;
  for (const [name, value] of Object.entries(sizes)) {
    if (!Number.isInteger(value) || value < 1) {
      throw new RangeError(`lxmert-model: expected ${name} to be a whole number from 1, got ${value}`);
    }
  }
  if (config.hiddenSize % config.heads !== 0) {
    throw new RangeError(
      `lxmert-model: expected hiddenSize to be a multiple of heads, got ${config.hiddenSize} and ${config.heads}`,
    );
  }
  if (!(dropout >= 0 && dropout < 1)) throw new RangeError(`lxmert-model: expected dropout in [0, 1), got ${dropout}`);
  if (videoNorm !== 'pre' && videoNorm !== 'post') {
    throw new RangeError(`lxmert-model: expected videoNorm 'pre' or 'post', got '${String(videoNorm)}'`);
  }
  if (videoActivation !== 'erf' && videoActivation !== 'quick') {
    throw new RangeError(`lxmert-model: expected videoActivation 'erf' or 'quick', got '${String(videoActivation)}'`);
  }
}
