import { calibrateOnnx, type CalibrationMethod } from '@wbdc/checkpoints/onnx';
import { clipVisionOnnx } from '@wbdc/clip-model/onnx';
import { collate, type Example } from '@wbdc/data/web';
import { foldIn, randomInt, randomKey, type Key } from '@wbdc/nn';
import { onnxFeatures, openOnnx, type OnnxRuntime } from '@wbdc/video-features/onnx';
import { SourceError } from '@wbdc/video-features/plain';
import type { Observer } from '../../observer.js';
import { TrainedError } from '../errors.js';
import { TowerReader, type Platform } from '../frame-reader.js';
import type { TrainedInput, TrainedInputs } from '../inputs.js';
import { feedsOf, onnxHeadOf, onnxOf } from '../onnx.js';
import { exampleMaker, featuresOf } from '../predict.js';
import type { Quantization } from '../quantization.js';
import type { ReadModel } from '../read-model.js';

/** Videos of one's own, on which it is seen where a model's values go. */
export interface TrainedCalibration {
  /** `await import('onnxruntime-node')`. */
  readonly runtime: OnnxRuntime;
  /** Videos with their texts; those with frames calibrate the vision tower too. */
  readonly inputs: TrainedInputs;
  /** How many of them are looked at, drawn by the seed. Default 128. */
  readonly samples?: number | undefined;
  readonly seed?: number | undefined;
  /** Default `minmax`. */
  readonly method?: CalibrationMethod | undefined;
  /** Of `percentile`; 99.999. */
  readonly percentile?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** As many as `prepare` splits hold at least, and enough for ranges that move no more. */
export const CALIBRATION_SAMPLES = 128;
/** Rows that pass through at once. */
const BATCH = 8;
/** Most pictures that the tower is calibrated with: they are in memory. */
const MOST_PICTURES = 256;

/**
 * Sees where the values of a model and of its tower go.
 *
 * @throws TrainedError `input` without a video that can be read; as `calibrateOnnx`
 */
export async function calibrateTrained(
  model: ReadModel,
  platform: Platform,
  {
    runtime,
    inputs,
    samples = CALIBRATION_SAMPLES,
    seed = 0,
    method = 'minmax',
    percentile,
    signal,
  }: TrainedCalibration,
  observer: Observer = {},
): Promise<Quantization> {
  assertCount(samples);
  const tower = recordingTower(runtime);
  const reader = new TowerReader(model, { ...platform, openCompute: tower.open });
  const open = (bytes: Uint8Array) => openOnnx(runtime, bytes);
  const settings = { open, method, percentile, where: model.where };
  try {
    const examples = await examplesOf(model, reader, await drawn(inputs, samples, seed), { observer, signal });
    if (examples.length === 0) throw missing(model.where, 'none');
    const feeds = batchesOf(examples).map((batch) => feedsOf(collate(batch), runtime));
    const ranges = await calibrateOnnx(onnxOf(model, onnxHeadOf(model)), { ...settings, feeds });
    const seen = {
      version: 1,
      method,
      videos: examples.length,
      pictures: tower.pictures(),
      seed,
      model: ranges,
    } as const;
    const towerFeeds = tower.feeds();
    if (towerFeeds === undefined) return seen;
    return { ...seen, tower: await calibrateOnnx(towerFeeds.graph, { ...settings, feeds: towerFeeds.feeds }) };
  } finally {
    await reader.close();
  }
}

function assertCount(samples: number): void {
  if (Number.isSafeInteger(samples) && samples >= 1) return;
  const problem = { where: 'samples', expected: 'a whole number from 1 up', got: String(samples) };
  throw new TrainedError({ ...problem, code: 'input' });
}

function missing(where: string, got: string): TrainedError {
  return new TrainedError({ where, expected: 'videos that can be read, to calibrate with', got, code: 'input' });
}

/** So many of the inputs, each with the same chance; nobody needs to know how many there are. */
async function drawn(inputs: TrainedInputs, samples: number, seed: number): Promise<TrainedInput[]> {
  const key: Key = foldIn(randomKey(seed), 'calibration');
  const kept: { readonly place: number; readonly input: TrainedInput }[] = [];
  let place = 0;
  for await (const input of inputs) {
    if (kept.length < samples) kept.push({ place, input });
    else {
      const at = randomInt(key, place, place + 1);
      if (at < samples) kept[at] = { place, input };
    }
    place++;
  }
  return kept.sort((a, b) => a.place - b.place).map(({ input }) => input);
}

async function examplesOf(
  model: ReadModel,
  reader: TowerReader,
  inputs: readonly TrainedInput[],
  {
    observer,
    signal = new AbortController().signal,
  }: { readonly observer: Observer; readonly signal?: AbortSignal | undefined },
): Promise<Example[]> {
  const toExample = exampleMaker(model);
  const examples: Example[] = [];
  const progress = { noun: 'videos to calibrate with', total: inputs.length };
  let done = 0;
  for await (const { video, result } of featuresOf({ model, reader, inputs, batchSize: BATCH, signal })) {
    if (result instanceof SourceError) observer.onWarning?.(result.message);
    else examples.push(toExample(video, result.features));
    observer.onProgress?.({ ...progress, done: ++done, ended: done === inputs.length });
  }
  return examples;
}

/** Rows of like length together, so that little is padding. */
function batchesOf(examples: readonly Example[]): Example[][] {
  const sorted = [...examples].sort((a, b) => a.tokens.length - b.tokens.length);
  return Array.from({ length: Math.ceil(sorted.length / BATCH) }, (_, i) => sorted.slice(i * BATCH, (i + 1) * BATCH));
}

/** A tower in float32 that keeps the first pictures which it sees. */
function recordingTower(runtime: OnnxRuntime) {
  let graph: Uint8Array | undefined;
  let seen = 0;
  const feeds: Record<string, never>[] = [];
  const open: NonNullable<Platform['openCompute']> = async ({ tower: { config }, params }, output) => {
    graph = clipVisionOnnx(params, config);
    const { compute, close } = await onnxFeatures(runtime, { params, config, output });
    const size = 3 * config.imageSize ** 2;
    return {
      close,
      compute: async (pixels, count) => {
        const more = Math.min(count, MOST_PICTURES - seen);
        if (more > 0) {
          const dims = [more, 3, config.imageSize, config.imageSize];
          feeds.push({ pixels: new runtime.Tensor('float32', pixels.slice(0, more * size), dims) as never });
          seen += more;
        }
        return compute(pixels, count);
      },
    };
  };
  return {
    open,
    pictures: () => seen,
    feeds: () => (graph === undefined || seen === 0 ? undefined : { graph, feeds }),
  };
}
