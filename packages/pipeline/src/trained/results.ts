import type { Floats } from '@wbdc/nn';
import type { SourceError } from '@wbdc/video-features/plain';
import type { TrainedInput } from './inputs.js';

/** A name for a class of videos and how probable it is. */
export interface Probable {
  /** As in the annotations: of two digits for level 1, of four for level 2. */
  readonly category: string;
  /** Where the model's folder has names. */
  readonly name?: string;
  readonly probability: number;
}

/** A category (level 2), with its level 1: the sum over the categories that share its first two digits. */
export interface Category extends Probable {
  readonly level1: Probable;
}

/** What a category model says of a video. */
export interface Classified {
  readonly id: string;
  /**
   * All categories, or the first few. The first is the model's choice; their order is that of their probabilities,
   * unless the model was finetuned to favour rare categories: then those weigh more in it.
   */
  readonly categories: readonly Category[];
}

/** What a similarity model says of a video. */
export interface Embedded {
  readonly id: string;
  /** Of length 1: the inner product of two is their cosine. */
  readonly embedding: Float32Array;
  /** Hash of the model's weights: only embeddings of the same model compare. */
  readonly model: string;
}

/** What a model of tags says of a video. */
export interface Tagged {
  readonly id: string;
  /**
   * All tags, or the first few, the most probable first. Each is a question of its own: probabilities add up to
   * anything.
   */
  readonly tags: readonly TaggedWith[];
}

export interface TaggedWith {
  readonly tag: string;
  readonly probability: number;
  /** Of a model that was finetuned for tags: whether the probability reaches the tag's threshold. */
  readonly chosen?: boolean;
}

/** The frames of a video as a model's vision tower sees them. */
export interface FeaturesRow {
  readonly id: string;
  /** `[n, Dv]`: what the method of any model with the same tower takes as `features`. */
  readonly features: Floats;
}

/** What of a video is in the state that a model's head reads, as its attention says. */
export interface Attention {
  readonly id: string;
  /** The tokens of its texts in their order, special ones left out. */
  readonly tokens: readonly { readonly text: string; readonly share: number }[];
  /** The share of each frame that the model saw. */
  readonly frames: readonly number[];
}

/** A video that could not be read. */
export interface Unreadable {
  readonly id: string;
  readonly error: SourceError;
  readonly input: TrainedInput;
}
