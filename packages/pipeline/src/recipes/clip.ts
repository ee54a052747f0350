import * as tf from '@tensorflow/tfjs';
import { single, type Communicator } from '@wbdc/distributed';
import { l2Normalize, type Key } from '@wbdc/nn';
import { recallAt, recallByChance, type Measured } from '@wbdc/metrics';
import { clip, type ClipBatch, type ClipConfig, type ClipParams } from '@wbdc/pretrain-tasks/clip';
import { valueAndGrad, type Rule } from '@wbdc/train';
import type { ClipSettings } from '../settings/clip.js';
import type { BatchPosition } from '../training/order.js';
import { picturesOf, readPart, titlesOf, type ReadPictures } from './clip-part.js';
import type { TrainingRecipe } from './recipe.js';

/** A vision tower and a text BERT learn to match frames with titles. */
export interface ClipRecipe extends TrainingRecipe<ClipBatch, ClipParams> {
  readonly model: ReturnType<typeof clip>;
  /** The sizes of both towers. */
  readonly config: Required<ClipConfig>;
  reader(read: ReadPictures): (position: BatchPosition) => Promise<ClipBatch>;
  /** Share of videos whose own title is among the k most similar to their frames, beside chance. */
  evaluate(batches: AsyncIterable<ClipBatch>): Promise<Readonly<Record<string, Measured>>>;
}

/**
 * @param key draws the fresh weights
 * @param communicator of the processes that train together
 */
export function clipRecipe(
  settings: ClipSettings,
  vocabSize: number,
  key: Key,
  communicator: Communicator = single,
): ClipRecipe {
  const config = clipConfigOf(settings, vocabSize);
  const model = clip(config);
  const params = model.init(key);
  const { vision, text, ...rest } = params;
  const { framesPerVideo, queue, weightDecay, learningRates } = settings;
  return {
    about: 'clip',
    noun: 'video',
    settings,
    model,
    config,
    params,
    components: { vision, text, rest },
    ...lossOf(model, params, communicator),
    rules: { learningRate: learningRates.new, weightDecay, rules: rulesOf(settings) },
    gradients: valueAndGrad,
    ids: ({ ids }) => ids,
    reader: (read) => (position) =>
      readPart(read, position, framesPerVideo, indicesBefore(position, queue), communicator),
    evaluate: (batches) => measureRecall(model, params, batches),
  };
}

/**
 * The loss of a batch. Of several processes each divides by what all were asked, since rows that it gives the others
 * get their gradients from the others' losses.
 */
function lossOf(
  model: ReturnType<typeof clip>,
  params: ClipParams,
  { size }: Communicator,
): Pick<ClipRecipe, 'loss' | 'asked'> {
  if (size === 1) return { loss: (batch, dropout) => model.loss(params, batch, dropout) };
  return {
    asked: ({ ids }) => ({ loss: ids.length }),
    loss: (batch, dropout, meanAsked) => {
      const { loss, ...rest } = model.loss(params, batch, dropout);
      return { ...rest, loss: tf.mul(loss, batch.ids.length / (meanAsked?.['loss'] ?? batch.ids.length)) };
    },
  };
}

/** The sizes of the vision tower. */
export function visionConfigOf({ vision }: Pick<ClipSettings, 'vision'>): ClipConfig['vision'] {
  const { imageSize, patchSize, width, layers, heads, intermediate } = vision;
  return { imageSize, patchSize, width, layers, heads, intermediateSize: intermediate ?? 4 * width };
}

/** The sizes of both towers. */
function clipConfigOf(settings: ClipSettings, vocabSize: number): Required<ClipConfig> {
  const { text } = settings;
  return {
    temperature: settings.temperature ?? 'learned',
    normalize: settings.normalize,
    vision: visionConfigOf(settings),
    text: {
      vocabSize,
      hiddenSize: text.width,
      layers: text.layers,
      heads: text.heads,
      intermediateSize: text.intermediate ?? 4 * text.width,
      maxPositions: text.budget,
      segments: 1,
      dropout: text.dropout,
      ...(text.init !== undefined && { maxPositions: 512, segments: 2 }), // as every published BERT
    },
  };
}

/** The learning rates of both towers and of the temperature. */
function rulesOf({ learningRates, temperature }: ClipSettings): Rule[] {
  const { text, vision } = learningRates;
  return [
    { pattern: 'vision.**', learningRate: vision },
    { pattern: 'text.**', learningRate: text },
    ...(temperature === null ? [{ pattern: 'logScale', learningRate: learningRates.temperature, weightDecay: 0 }] : []),
  ];
}

/** The examples of so many batches before one. */
function indicesBefore(position: BatchPosition, batches: number): number[] {
  return Array.from({ length: batches }, (_, i) => position.earlier(i + 1)?.indices ?? []).flat();
}

async function measureRecall(
  model: ReturnType<typeof clip>,
  params: ClipParams,
  batches: AsyncIterable<ClipBatch>,
): Promise<Record<string, Measured>> {
  const [frames, titles]: [Float32Array[], Float32Array[]] = [[], []];
  const [said, shown]: [string[], string[]] = [[], []];
  for await (const batch of batches) {
    said.push(...titlesOf(batch).slice(0, batch.ids.length));
    shown.push(...(await picturesOf(batch)));
    tf.tidy(() => {
      frames.push(l2Normalize(model.embedFrames(params, batch)).dataSync<'float32'>());
      titles.push(l2Normalize(model.embedText(params, batch)).dataSync<'float32'>());
    });
  }
  const count = said.length;
  // The titles of videos that say or show the same are right answers too.
  const isRight = (a: number, b: number): boolean => said[a] === said[b] || shown[a] === shown[b];
  const reached = recallAt(joined(frames), joined(titles), count, KS, isRight);
  const chances = recallByChance({ queries: count, items: count, own: (query) => query, isRight }, KS);
  return Object.fromEntries(KS.map((k, i) => [`recall@${k}`, { value: reached[i], baseline: chances[i] }]));
}

const KS = [1, 5, 10];

function joined(rows: readonly Float32Array[]): Float32Array {
  return Float32Array.from(rows.flatMap((row) => [...row]));
}
