import type { ParamShapes } from '@wbdc/checkpoints';
import { lxmertModel, lxmertModelShapes, type LxmertModel, type LxmertModelConfig } from '@wbdc/lxmert-model';
import { recomputing, type BertConfig, type Encoder } from '@wbdc/nn';
import { uniModel, uniModelShapes, type UniModel, type UniModelConfig } from '@wbdc/uni-model';
import type { FrameSettings } from './settings/frames.js';
import type { ModelSettings } from './settings/model.js';

/** Parameters of a video-text encoder of either kind. */
export type VideoTextParams = UniModel | LxmertModel;

/** What the sizes of an encoder depend on, but for those of its vocabulary and of its frame features. */
export interface EncoderSettings {
  readonly model: ModelSettings;
  readonly frames: Pick<FrameSettings, 'limit'>;
}

/** The encoder of a configuration. */
export function encoderOf(
  { model, frames }: EncoderSettings,
  vocabSize: number,
  frameSize: number,
): Encoder<VideoTextParams> {
  const encoder: Encoder<VideoTextParams> =
    model.kind === 'uni-model'
      ? uniModel(uniSizesOf(model, frames, vocabSize, frameSize))
      : lxmertModel(lxmertSizesOf(model, frames, vocabSize, frameSize));
  return model.recompute ? recomputing(encoder) : encoder;
}

/** Paths and shapes of its parameters, in their order: to read them from a file. */
export function encoderShapes({ model, frames }: EncoderSettings, vocabSize: number, frameSize: number): ParamShapes {
  return model.kind === 'uni-model'
    ? uniModelShapes(uniSizesOf(model, frames, vocabSize, frameSize))
    : lxmertModelShapes(lxmertSizesOf(model, frames, vocabSize, frameSize));
}

/** The sizes of a `uni-model`. */
export function uniSizesOf(
  model: ModelSettings,
  frames: Pick<FrameSettings, 'limit'>,
  vocabSize: number,
  frameSize: number,
): UniModelConfig {
  return { ...bertSizesOf(model, vocabSize), frameSize, maxFrames: frames.limit, frameSegment: 0 };
}

/** The sizes of an `lxmert-model`. */
export function lxmertSizesOf(
  model: ModelSettings,
  frames: Pick<FrameSettings, 'limit'>,
  vocabSize: number,
  frameSize: number,
): LxmertModelConfig {
  const { videoLayers, videoNorm, videoActivation, crossLayers } = model;
  const video = { frameSize, maxFrames: frames.limit, videoLayers, videoNorm, videoActivation, crossLayers };
  return { ...bertSizesOf(model, vocabSize), ...video };
}

/** The sizes of the text's BERT, which both models have at `encoder.bert`. */
export function bertSizesOf(model: ModelSettings, vocabSize: number): BertConfig {
  return {
    vocabSize,
    hiddenSize: model.width,
    layers: model.layers,
    heads: model.heads,
    intermediateSize: model.intermediate ?? 4 * model.width,
    maxPositions: model.maxPositions,
    segments: 2,
    dropout: model.dropout,
  };
}
