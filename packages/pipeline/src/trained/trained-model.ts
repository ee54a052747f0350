/// <reference lib="esnext.disposable" preserve="true" />
import type { InferenceDtype } from '@wbdc/video-features/onnx';
import type { TrainedInputs } from './inputs.js';
import type { SavedVideoModel } from './read-model.js';
import type { Attention, Classified, Embedded, FeaturesRow, Tagged, Unreadable } from './results.js';
import type { Rows } from './row-stream.js';

export interface RunOptions {
  /** Videos that pass through the model at once; 16. Rows come batch by batch. */
  readonly batchSize?: number;
  /** Ends the rows with its reason. */
  readonly signal?: AbortSignal;
  /** Told of each video that cannot be read, in its turn. Default: the observer's warning. */
  readonly onSkip?: (skipped: Unreadable) => void;
}

/** Asks for the videos that cannot be read among the rows, each in its place, as {@link Unreadable}. */
export interface WithUnreadable {
  readonly unreadable: 'yield';
}

export interface TopOptions {
  /** How many to give of each video; all by default. */
  readonly top?: number;
}

/**
 * A trained model, open for use. Its methods take videos in any form and give a row for each, in order; a video that
 * cannot be read is told and left out. Several of them may run at a time.
 *
 * @throws TrainedError `head-missing`, in the first row, where the model was not trained for what it is asked
 */
export interface TrainedModel extends AsyncDisposable {
  /** The folder or address of its files. */
  readonly where: string;
  /** What its files say of it. */
  readonly saved: SavedVideoModel;
  /** Short hash of the weights and of the precision that they are kept in: embeddings of equal ones compare. */
  readonly hash: string;
  /** In what its weights are kept: float32 unless ONNX Runtime computes otherwise. */
  readonly dtype: InferenceDtype;
  /** Of a category model, in the order of its outputs. */
  readonly classes: readonly string[];
  /** Of a model that was pretrained on tags or finetuned for them, in the order of its head. */
  readonly tags: readonly string[];

  /** The categories of videos, by a model that was finetuned for them. */
  classify(inputs: TrainedInputs, options?: RunOptions & TopOptions): Rows<Classified>;
  classify(inputs: TrainedInputs, options: RunOptions & TopOptions & WithUnreadable): Rows<Classified | Unreadable>;

  /** Embeddings of videos, by a model that was finetuned for similarity. */
  embed(inputs: TrainedInputs, options?: RunOptions): Rows<Embedded>;
  embed(inputs: TrainedInputs, options: RunOptions & WithUnreadable): Rows<Embedded | Unreadable>;

  /** The tags of videos, by a model that was pretrained on tags or finetuned for them. */
  tag(inputs: TrainedInputs, options?: RunOptions & TopOptions): Rows<Tagged>;
  tag(inputs: TrainedInputs, options: RunOptions & TopOptions & WithUnreadable): Rows<Tagged | Unreadable>;

  /** The features of videos' frames, once for several models with the same vision tower. */
  features(inputs: TrainedInputs, options?: RunOptions): Rows<FeaturesRow>;

  /**
   * How much of each token and frame is in the state that the model's head reads, by attention rollout (Abnar and
   * Zuidema, arXiv 2005.00928): shares from 0 to 1, whose sum is 1 but for special tokens. It says what the model looks
   * at; what it makes of that, the values and feed-forward layers, it leaves out. One video at a time.
   */
  attend(inputs: TrainedInputs, options?: Omit<RunOptions, 'batchSize'>): Rows<Attention>;

  /** Ends what is running, and frees the weights. `await using` calls it. */
  close(): Promise<void>;
}
