/// <reference lib="esnext.disposable" preserve="true" />
import type { TrainedInputs } from '../trained/inputs.js';
import type { Embedded } from '../trained/results.js';
import type { Rows } from '../trained/row-stream.js';
import type { RunOptions, TrainedModel } from '../trained/trained-model.js';

/** What gives videos and words vectors that compare: a model of similarity, or a CLIP. */
export interface Embedder extends AsyncDisposable {
  readonly where: string;
  /** Short hash of the weights: vectors of equal ones compare. */
  readonly hash: string;
  /** Unit vectors of videos: of a CLIP from their frames alone. */
  embed(inputs: TrainedInputs, options?: RunOptions): Rows<Embedded>;
  /** The unit vector of words: of a model of similarity, that of a video with this title and no frames. */
  embedWords(words: string): Promise<Float32Array>;
  close(): Promise<void>;
}

/** A trained model as an {@link Embedder}. */
export function embedderOf(model: TrainedModel): Embedder {
  return {
    where: model.where,
    hash: model.hash,
    embed: (inputs, options) => model.embed(inputs, options),
    embedWords: async (words) => (await model.embed([{ features: [], title: words }]))[0].embedding,
    close: () => model.close(),
    [Symbol.asyncDispose]: () => model.close(),
  };
}
