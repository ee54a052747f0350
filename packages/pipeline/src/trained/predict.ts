import { aiacStride, collate, evenStride, type Example } from '@wbdc/data/web';
import { floats, type Floats } from '@wbdc/nn';
import { packText } from '@wbdc/tokenizer';
import {
  SourceError,
  decodeAhead,
  throughTower,
  type ComputeFeatures,
  type DecodedVideo,
  type Featured,
  type FeatureRecipe,
  type Sampling,
  type VideoFeatures,
} from '@wbdc/video-features/plain';
import type { Tensor2D } from '@tensorflow/tfjs';
import { layoutOf, textReader } from '../text.js';
import { entriesOf, type Entry } from './entries.js';
import type { TrainedInputs } from './inputs.js';
import type { ReadModel, RunHead } from './read-model.js';
import { orAborted, untilAborted } from './row-stream.js';

/** Videos that pass through a model at once. */
export const MODEL_BATCH = 16;

/** Where frames become what a model reads. */
export interface FrameReader {
  /** Gives an input's frames, or its features. What is its own fault is a SourceError. */
  read(entry: Entry): Promise<DecodedVideo | VideoFeatures>;
  /** The vision tower. */
  readonly compute: ComputeFeatures;
}

export interface PredictOptions {
  readonly model: ReadModel;
  readonly reader: FrameReader;
  readonly inputs: TrainedInputs;
  /** A row per video `[B, n]`. */
  readonly run: RunHead;
  readonly batchSize: number;
  /** Told of each input that cannot be read, as soon as it is its turn. */
  readonly onSkip: (entry: Entry, error: SourceError) => void;
  readonly signal: AbortSignal;
}

/** An input with its row, or why there is none. */
export interface Predicted {
  readonly entry: Entry;
  readonly row: Float32Array | SourceError;
  /** What the model read of it. */
  readonly example?: Example;
}

export type FeaturesOptions = Pick<PredictOptions, 'model' | 'reader' | 'inputs' | 'batchSize' | 'signal'>;

/** From inputs to the features of their frames `[n, Dv]`, in their order. Frames are sampled as in evaluation. */
export function featuresOf(options: FeaturesOptions): AsyncGenerator<Featured<Entry>> {
  const { model, reader, inputs, batchSize, signal } = options;
  const decoded = decodeAhead({
    videos: entriesOf(untilAborted(inputs, signal)),
    decode: (entry) => orAborted(reader.read(entry), signal),
    ahead: Math.min(4, batchSize),
    mostAhead: batchSize,
  });
  const statistics = featureRecipeOf(model)?.preprocessing.statistics ?? 'clip';
  return throughTower(decoded, { compute: reader.compute, statistics, signal });
}

/** From inputs to the rows of a head, in their order. Frames are sampled as in evaluation. */
export async function* predict(options: PredictOptions): AsyncGenerator<Predicted> {
  const { model, run, batchSize, onSkip, signal } = options;
  const toExample = exampleMaker(model);
  let waiting: { readonly entry: Entry; readonly example?: Example; readonly error?: SourceError }[] = [];
  let examples: Example[] = [];
  const flush = async function* (): AsyncGenerator<Predicted> {
    const rows = examples.length > 0 ? await rowsIn(await run(collate(examples))) : [];
    let next = 0;
    const done = waiting.map(({ entry, error, example }): Predicted => {
      if (error !== undefined) return { entry, row: error };
      const row = finiteRow(entry, rows[next++]);
      if (row instanceof SourceError) onSkip(entry, row);
      return { entry, row, ...(example && { example }) };
    });
    [waiting, examples] = [[], []];
    yield* done;
  };
  for await (const { video: entry, result } of featuresOf(options)) {
    if (result instanceof SourceError) {
      onSkip(entry, result);
      waiting.push({ entry, error: result });
      continue;
    }
    const example = toExample(entry, result.features);
    waiting.push({ entry, example });
    examples.push(example);
    if (examples.length === batchSize) yield* flush();
    signal.throwIfAborted();
  }
  yield* flush();
}

/** A row that is no answer: features that are no numbers make such. */
function finiteRow({ id }: Entry, row: Float32Array): Float32Array | SourceError {
  if (row.every(Number.isFinite)) return row;
  return new SourceError(`${id}: expected features that the model can read, got values that are no numbers from it`);
}

/** How features were made that a model learned from; of those of AIAC's records nobody knows. */
export function featureRecipeOf({ saved: { features } }: Pick<ReadModel, 'saved'>): FeatureRecipe | undefined {
  return features !== null && 'weights' in features ? (features as FeatureRecipe) : undefined;
}

/** Most frames of a video: where the tower was trained too, it may have read fewer. */
function frameLimit({ saved }: Pick<ReadModel, 'saved'>): number {
  return ('vision' in saved ? saved.vision?.frames : undefined) ?? saved.frames.limit;
}

/** Which frames are looked at. All frames and then an even stride is the stride at once, which decodes fewer. */
export function samplingOf(model: Pick<ReadModel, 'saved'>): Sampling {
  const sampling = featureRecipeOf(model)?.sampling;
  return sampling === undefined || sampling.kind === 'all' ? { kind: 'even', limit: frameLimit(model) } : sampling;
}

/** From a video's texts and features to what the model reads; frames are taken as in evaluation. */
export function exampleMaker(model: ReadModel): (entry: Entry, frames: Floats) => Example {
  const { tokenizer, saved } = model;
  const [layout, read] = [layoutOf(saved.text), textReader(saved.text)];
  const stride = saved.frames.choice === 'aiac' ? aiacStride : evenStride;
  const limit = frameLimit(model);
  return ({ id, texts }, frames) => ({
    id,
    ...packText(tokenizer, read({ id, ...texts }), layout),
    frames: takeFrames(frames, stride(frames.shape[0], limit)),
  });
}

function takeFrames({ data, shape: [, width] }: Floats, places: ArrayLike<number>): Floats {
  const frames = floats([places.length, width]);
  Array.from(places).forEach((row, i) => frames.data.set(data.subarray(row * width, (row + 1) * width), i * width));
  return frames;
}

async function rowsIn(tensor: Tensor2D): Promise<Float32Array[]> {
  const [count, width] = tensor.shape;
  try {
    const values = await tensor.data<'float32'>();
    return Array.from({ length: count }, (_, i) => values.slice(i * width, (i + 1) * width));
  } finally {
    tensor.dispose();
  }
}
