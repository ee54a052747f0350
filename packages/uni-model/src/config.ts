import type { BertConfig } from '@wbdc/nn';

/** Sizes of the single-stream model: a BERT that also reads F frames of Dv values. */
export interface UniModelConfig extends BertConfig {
  /** Dv, the width of a frame feature. */
  readonly frameSize: number;
  /** Most frames of a video. */
  readonly maxFrames: number;
  /** The token type of frames, in their own table. */
  readonly frameSegment: number;
}

const bertBase = { vocabSize: 21128, maxPositions: 512, segments: 2, dropout: 0.1, frameSegment: 0, maxFrames: 32 };

/** WBDC 2022: MacBERT-base over title, OCR and ASR with 32 CLIP frames. */
export const WBDC_BASE: UniModelConfig = {
  ...bertBase,
  hiddenSize: 768,
  layers: 12,
  heads: 12,
  intermediateSize: 3072,
  frameSize: 768,
};

/** QQ Browser AIAC 2021: RoBERTa-wwm-ext-large over the title with 32 frames of 1536 values. */
export const QQ_LARGE: UniModelConfig = {
  ...bertBase,
  hiddenSize: 1024,
  layers: 24,
  heads: 16,
  intermediateSize: 4096,
  frameSize: 1536,
};

/** Small enough for tests and a first look. */
export const TINY: UniModelConfig = {
  ...bertBase,
  hiddenSize: 128,
  layers: 2,
  heads: 2,
  intermediateSize: 512,
  frameSize: 768,
};

/** Throws where sizes do not fit together. */
export function assertConfig(config: UniModelConfig): void {
  const whole = Object.entries(config).filter(([name]) => name !== 'dropout' && name !== 'frameSegment');
  for (const [name, value] of whole) {
    if (!Number.isInteger(value) || value < 1) {
      throw new RangeError(`uni-model: expected ${name} to be a whole number from 1, got ${value}`);
    }
  }
  if (config.hiddenSize % config.heads !== 0) {
    throw new RangeError(
      `uni-model: expected hiddenSize to be a multiple of heads, got ${config.hiddenSize} and ${config.heads}`,
    );
  }
  if (!(config.dropout >= 0 && config.dropout < 1)) {
    throw new RangeError(`uni-model: expected dropout in [0, 1), got ${config.dropout}`);
  }
  if (!(config.frameSegment >= 0 && config.frameSegment < config.segments)) {
    throw new RangeError(
      `uni-model: expected frameSegment in [0, segments = ${config.segments}), got ${config.frameSegment}`,
    );
  }
}
