/// <reference lib="esnext.disposable" preserve="true" />
import * as tf from '@tensorflow/tfjs';
import { disposeTree, type Floats } from '@wbdc/nn';
import { cropForTower, decodeVideo, type DecodeVideo, type OpenOptions } from '@wbdc/video-features';
import {
  decodeAhead,
  decodeFrames,
  DEFAULT_SAMPLING,
  framesOf,
  parameterBytes,
  SourceError,
  throughTower,
  type DecodedVideo,
  type Sampling,
  type VideoFeatures,
} from '@wbdc/video-features/plain';
import { entriesOf, tableOf, type Entry } from '../trained/entries.js';
import { TrainedError } from '../trained/errors.js';
import type { TrainedInputs } from '../trained/inputs.js';
import type { Embedded, Unreadable } from '../trained/results.js';
import { orAborted, rowsOf, untilAborted, type Rows } from '../trained/row-stream.js';
import type { RunOptions, WithUnreadable } from '../trained/trained-model.js';
import { namedTower } from '../trained/node/find-tower.js';
import type { HubOptions } from '../trained/node/hub-folder.js';
import { sha256, videoInput } from '../trained/node/open.js';
import type { Embedder } from './embedder.js';
import { readClipSides, type ClipSides } from './clip-sides.js';

/** How a CLIP is opened. */
export interface OpenClipOptions extends HubOptions, OpenOptions {
  /** What decodes files: this thread by default, or that of `decodeWorkers` of @wbdc/video-features. */
  readonly decode?: DecodeVideo;
  /** Which frames are looked at; 32, evenly. */
  readonly sampling?: Sampling;
}

/**
 * Opens a CLIP to compare videos with words: of the clip stage, or one as published (CLIP, Chinese-CLIP). tfjs's engine
 * is the caller's choice: `await tf.setBackend(...)` before.
 *
 * @param source a folder, a CLIP stage, a run that has one, or a model of the hub
 * @throws TrainedError where there is none; WbdcError where a file is damaged
 */
export async function openClip(source: string, options: OpenClipOptions = {}): Promise<OpenClip> {
  await tf.ready();
  const folder = await namedTower(source, options);
  const sides = await readClipSides(folder, options.observer ?? {});
  const hash = (await sha256(parameterBytes(sides.params))).slice(0, 16);
  return new OpenClip(folder, hash, sides, options);
}

/** Words and videos as unit vectors of one space. */
export class OpenClip implements Embedder {
  #closed = false;

  /** @internal use {@link openClip} */
  constructor(
    /** The folder of its files. */
    readonly where: string,
    /** Short hash of the weights: vectors of equal ones compare. */
    readonly hash: string,
    private readonly sides: ClipSides,
    private readonly options: OpenClipOptions,
  ) {}

  /** E: values of a vector. */
  get width(): number {
    return this.sides.width;
  }

  /** What cosines are multiplied with before they become probabilities: the inverse temperature it has learned. */
  get scale(): number {
    return this.sides.scale;
  }

  /** Unit vectors `[E]` of texts, one each. */
  async embedTexts(texts: readonly string[]): Promise<Float32Array[]> {
    this.#assertOpen();
    const vectors: Float32Array[] = [];
    for (let start = 0; start < texts.length; start += TEXTS_AT_ONCE) {
      const part = texts.slice(start, start + TEXTS_AT_ONCE);
      const tensor = this.sides.texts(part);
      const values = await tensor.data<'float32'>().finally(() => tensor.dispose());
      part.forEach((_, i) => vectors.push(values.slice(i * this.width, (i + 1) * this.width)));
    }
    return vectors;
  }

  /** The unit vector `[E]` of words. */
  async embedWords(words: string): Promise<Float32Array> {
    return (await this.embedTexts([words]))[0];
  }

  /** Unit vectors of videos, from their frames alone: the mean over them. Features given in place are `[n, E]`. */
  embed(inputs: TrainedInputs, options?: RunOptions): Rows<Embedded>;
  embed(inputs: TrainedInputs, options: RunOptions & WithUnreadable): Rows<Embedded | Unreadable>;
  embed(inputs: TrainedInputs, options: RunOptions & Partial<WithUnreadable> = {}): Rows<Embedded | Unreadable> {
    return rowsOf(this.#embed(inputs, options));
  }

  async *#embed(
    inputs: TrainedInputs,
    { signal, onSkip, unreadable }: RunOptions & Partial<WithUnreadable>,
  ): AsyncGenerator<Embedded | Unreadable> {
    this.#assertOpen();
    const never = new AbortController().signal;
    const until = signal ?? never;
    const { preprocessing, frames: compute, unitFrames } = this.sides;
    const tell = onSkip ?? (({ error }) => this.options.observer?.onWarning?.(error.message));
    const decoded = decodeAhead({
      videos: entriesOf(untilAborted(inputs, until)),
      decode: (entry) => orAborted(this.#read(entry), until),
    });
    const { statistics } = preprocessing;
    for await (const { video, result } of throughTower(decoded, { compute, statistics, signal: until })) {
      const { id, input } = video;
      const row = result instanceof SourceError ? result : meanOf(id, result.features, unitFrames);
      if (!(row instanceof SourceError)) yield { id, embedding: row, model: this.hash };
      else {
        tell({ id, input, error: row });
        if (unreadable === 'yield') yield { id, input, error: row };
      }
    }
  }

  async #read({ id, input }: Entry): Promise<DecodedVideo | VideoFeatures> {
    const { preprocessing } = this.sides;
    if ('features' in input) return { id, features: tableOf(input.features, this.width, id) };
    const { decode = decodeVideo, sampling = DEFAULT_SAMPLING, limits, backend, remote } = this.options;
    if ('video' in input) {
      const sources = { ...(limits && { limits }), ...(backend && { backend }), ...(remote && { remote }) };
      return decode(videoInput(id, input.video), { preprocessing, sampling, ...sources });
    }
    const frames = framesOf(input.frames, id);
    const { imageSize } = preprocessing;
    return decodeFrames(id, frames, {
      ...{ sampling, imageSize, maxTaken: MOST_FRAMES },
      crop: (image) => cropForTower(image, preprocessing),
    });
  }

  #assertOpen(): void {
    if (!this.#closed) return;
    const expected = 'an open model';
    throw new TrainedError({ where: this.where, expected, got: 'one that was closed', code: 'model-closed' });
  }

  /** Frees the weights. `await using` calls it. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    disposeTree(this.sides.params);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

const TEXTS_AT_ONCE = 64;
/** All frames of one video are in memory at once. */
const MOST_FRAMES = 10_000;

/** The mean of frames as a unit vector `[E]`, or why there is none. */
function meanOf(id: string, { data, shape: [count, width] }: Floats, unitFrames: boolean): Float32Array | SourceError {
  if (count === 0) return new SourceError(`${id}: expected at least one frame, got none`);
  const mean = new Float64Array(width);
  for (let frame = 0; frame < count; frame++) {
    const values = data.subarray(frame * width, (frame + 1) * width);
    const scale = unitFrames ? 1 / lengthOf(values) : 1;
    for (let i = 0; i < width; i++) mean[i] += scale * values[i];
  }
  const length = lengthOf(mean);
  if (!(length > 0 && Number.isFinite(length))) {
    return new SourceError(`${id}: expected frames with a direction in common, got none`);
  }
  return Float32Array.from(mean, (value) => value / length);
}

function lengthOf(values: ArrayLike<number>): number {
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += values[i] * values[i];
  return Math.sqrt(squares);
}
