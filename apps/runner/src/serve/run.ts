import { collate, evenStride, type Example } from '@wbdc/data';
import { floats, type Floats } from '@wbdc/nn';
import { packText } from '@wbdc/tokenizer';
import { extractFeatures, type Sampling, type SourceError, type VideoInput } from '@wbdc/video-features';
import { UserError } from '../errors.js';
import type { ServedModel } from './model.js';
import type { Texts } from './texts.js';
import type { Tower } from './tower.js';

export interface ServeOptions {
  readonly model: ServedModel;
  readonly tower: Tower;
  readonly videos: readonly VideoInput[];
  /** Of a video's id. */
  readonly textOf: (id: string) => Texts;
  readonly batchSize?: number;
  /** Told of each video that cannot be read. */
  readonly onSkip: (video: VideoInput, error: SourceError) => void;
  readonly onProgress?: (done: number) => void;
  readonly signal: AbortSignal;
}

/** A video with the row that the model gives it. */
export interface Served {
  readonly video: VideoInput;
  readonly row: Float32Array;
}

/** From videos to the model's outputs, in order. Frames are sampled as in evaluation: at most the model's limit, evenly. */
export async function* serve(options: ServeOptions): AsyncGenerator<Served> {
  const { model, tower, batchSize = 16, onProgress } = options;
  assertWidth(model, tower);
  const byId = new Map(options.videos.map((video) => [video.id, video]));
  const features = extractFeatures({
    ...tower,
    videos: options.videos,
    ...(model.recipe && { preprocessing: model.recipe.preprocessing, output: model.recipe.output }),
    sampling: samplingOf(model),
    onSkip: options.onSkip,
    onProgress: ({ videos, skipped }) => onProgress?.(videos + skipped),
    signal: options.signal,
  });
  let waiting: Example[] = [];
  const flush = function* (): Generator<Served> {
    if (waiting.length === 0) return;
    const rows = model.run(collate(waiting));
    yield* waiting.map(({ id }, i) => ({ video: byId.get(id)!, row: rows[i] }));
    waiting = [];
  };
  for await (const { id, features: frames } of features) {
    waiting.push(exampleOf(model, id, options.textOf(id), frames));
    if (waiting.length === batchSize) yield* flush();
  }
  yield* flush();
}

function assertWidth({ frameSize, recipe, folder }: ServedModel, { tower }: Tower): void {
  const { width, projection } = tower.config;
  const got = recipe?.output === 'projected' ? projection : width;
  if (got === frameSize) return;
  throw new UserError(
    `${folder} reads frame features of ${frameSize} values, the vision tower gives ${got}: give the tower that made ` +
      `its features with --tower`,
  );
}

/** All frames and then an even stride is the stride at once, without decoding what is not looked at. */
function samplingOf({ recipe, frameLimit }: ServedModel): Sampling {
  if (recipe === undefined || recipe.sampling.kind === 'all') return { kind: 'even', limit: frameLimit };
  return recipe.sampling;
}

function exampleOf(
  { tokenizer, layout, textsOf, frameLimit }: ServedModel,
  id: string,
  texts: Texts,
  frames: Floats,
): Example {
  return { id, ...packText(tokenizer, textsOf({ id, ...texts }), layout), frames: atMost(frames, frameLimit) };
}

function atMost({ data, shape: [count, width] }: Floats, limit: number): Floats {
  const taken = Array.from(evenStride(count, limit), (row) => data.subarray(row * width, (row + 1) * width));
  const frames = floats([taken.length, width]);
  taken.forEach((row, i) => frames.data.set(row, i * width));
  return frames;
}
