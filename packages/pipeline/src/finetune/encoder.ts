import { encodingPixels, type ClipVision, type ClipVisionParams, type WithTower } from '@wbdc/clip-model';
import { mapTree, parameter, recomputing, type Encoder, type ParamTree } from '@wbdc/nn';
import { encoderOf, type VideoTextParams } from '../encoder.js';
import type { FeatureSettings, FrameSettings } from '../settings/frames.js';
import type { ModelSettings } from '../settings/model.js';

/** Parameters of an encoder, with a vision tower where that is trained too. */
export type EncoderParams = VideoTextParams & Partial<WithTower<ParamTree>>;

export interface EncoderSettings {
  readonly model: ModelSettings;
  readonly frames: Pick<FrameSettings, 'limit'>;
}

/** A vision tower that is trained with the encoder. */
export interface TrainedTower {
  readonly tower: ClipVision;
  /** Which of its outputs stands for a frame. */
  readonly output: FeatureSettings['output'];
  /** What it starts from, copied; fresh weights where there are none. */
  readonly params?: ClipVisionParams;
}

/**
 * The encoder to finetune. With a tower its batches hold normalised pixels `[B, F, 3 side^2]` in place of features.
 *
 * @param frameSize Dv, of the tower where there is one
 */
export function finetuneEncoder(
  settings: EncoderSettings,
  { vocabSize, frameSize }: { readonly vocabSize: number; readonly frameSize: number },
  vision?: TrainedTower,
): Encoder<EncoderParams> {
  const inner = encoderOf(settings, vocabSize, frameSize);
  if (vision === undefined) return inner;
  const { tower, output, params } = vision;
  const outer = encodingPixels(tower, inner, output);
  const encoder = (settings.model.recompute ? recomputing(outer) : outer) as Encoder<EncoderParams>;
  return params === undefined
    ? encoder
    : { ...encoder, init: (key) => ({ ...inner.init(key), vision: copyOf(params) }) };
}

/** The same values in variables of their own. */
function copyOf<P extends ParamTree>(params: P): P {
  return mapTree(params, (leaf) => parameter(leaf.dataSync<'float32'>().slice(), leaf.shape));
}
