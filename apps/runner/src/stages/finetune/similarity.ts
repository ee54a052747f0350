import { join } from 'node:path';
import { readBatch, type Dataset } from '@wbdc/data';
import { meanSquaredError, spearman, type Measured } from '@wbdc/metrics';
import { readEmbeddings, similarityModel, writeEmbeddings, type PairBatch } from '@wbdc/finetune';
import { foldIn, randomKey, type Batch, type Key } from '@wbdc/nn';
import type { Tensor2D } from '@tensorflow/tfjs';
import { writeAtomically, writeBytesAtomically } from '../../files.js';
import { UserError } from '../../errors.js';
import { counted } from '../../format.js';
import { train, type Conclusion, type Trained } from '../training.js';
import { batchesInOrder, batchesOf } from '../video-set.js';
import { finishedModel } from './finished.js';
import { labeller, readPairs, type PairParts, type PairSet } from './pairs.js';
import { architectureOf, gradientsOf, rulesOf, startEncoder, tokenizerFiles, type Finetuning } from './start.js';

/** Similarity finetuning: measured on validation pairs and on those of the held-out splits. */
export async function finetuneSimilarity(finetuning: Finetuning): Promise<Trained> {
  const { context, encoder, training, heldOut } = finetuning;
  const { config } = context;
  const { finetune } = config;
  const parts = await readPairs(context, training.dataset, heldOut.dataset);
  const label = labeller(parts.train.scores, finetune.labels);
  const { pooling, dropout, samples, width, rDrop, averageBest } = finetune;
  const head = { pooling, dropout, samples, outputs: width };
  const model = similarityModel(encoder, { ...head, rDrop });
  const params = model.init(foldIn(randomKey(config.seed), 'init'));
  await startEncoder(finetuning, params.encoder);
  const embed = (batch: Batch): Tensor2D => model.embed(params, batch);
  const running: Running = { finetuning, parts, label, embed };
  const saved = {
    ...architectureOf(config, training),
    kind: 'similarity',
    head,
    ema: finetune.ema,
    ...(finetune.vision && { vision: finetune.vision }),
  };
  return train<PairBatch>(context, {
    params,
    settings: finetune,
    noun: 'pair',
    rules: rulesOf(config, params),
    gradients: gradientsOf(finetune.adversarial),
    averageDecay: finetune.ema ?? undefined,
    best: averageBest === null ? undefined : { count: averageBest, metric: measureOf(parts) },
    lengths: lengthsOf(parts.train),
    read: (indices, key) => readPairBatch(parts.train, indices, label, key),
    loss: (batch, key) => model.loss(params, batch, key),
    ids: ({ batch }) => batch.ids,
    evaluate: async () => (await measure(running)).measured,
    conclude: () => conclude(running),
    config: saved,
    finished: () => finishedModel(finetuning, params, saved),
    files: tokenizerFiles(context),
  });
}

type Embed = (batch: Batch) => Tensor2D;

interface Running {
  readonly finetuning: Finetuning;
  readonly parts: PairParts;
  readonly label: (score: number) => number;
  readonly embed: Embed;
}

/** Predictions of the pairs of the fold that was held out. */
export const OUT_OF_FOLD_PAIRS = 'out-of-fold.jsonl';

const VALIDATION = 'validation/spearman';

/** What the best weights are chosen by: pairs that are no test, where there are any. */
function measureOf({ validation, heldOut }: PairParts): string {
  if (validation === undefined && heldOut === undefined) {
    throw new UserError(
      'finetune.averageBest: expected pairs to choose the best by, got none: set finetune.share or finetune.folds',
    );
  }
  return validation === undefined ? 'spearman' : VALIDATION;
}

function lengthsOf({ dataset, left, right }: PairSet): Int32Array {
  return left.map((video, i) => Math.max(dataset.length(video), dataset.length(right[i])));
}

/** The pairs' videos, each once, and where in the batch the two of a pair stand. */
async function readPairBatch(
  { dataset, left, right, scores }: PairSet,
  indices: readonly number[],
  label: (score: number) => number,
  key: Key,
): Promise<PairBatch> {
  const videos = [...new Set(indices.flatMap((i) => [left[i], right[i]]))];
  const rows = new Map(videos.map((video, row) => [video, row]));
  return {
    batch: await readBatch(dataset, videos, key),
    left: Int32Array.from(indices, (i) => rows.get(left[i])!),
    right: Int32Array.from(indices, (i) => rows.get(right[i])!),
    labels: Float32Array.from(indices, (i) => label(scores[i])),
  };
}

interface Judged {
  readonly measured: Record<string, Measured>;
  /** Of the validation pairs. */
  readonly cosines: Float64Array;
}

async function measure({ finetuning, parts, label, embed }: Running): Promise<Judged> {
  const { train: learned, validation, heldOut } = parts;
  const { batchSize } = finetuning.context.config.finetune;
  const mean = learned.scores.reduce((sum, score) => sum + label(score), 0) / learned.scores.length;
  const measured: Record<string, Measured> = {};
  let cosines: Float64Array = new Float64Array(0);
  const sets = [
    ['', heldOut],
    ['validation/', validation],
  ] as const;
  for (const [name, pairs] of sets) {
    if (pairs === undefined) continue;
    cosines = await cosinesOf(pairs, batchSize, embed);
    const labels = Float64Array.from(pairs.scores, label);
    const constant = labels.map(() => mean);
    measured[`${name}spearman`] = { value: spearman(cosines, pairs.scores), baseline: 0 };
    measured[`${name}mse`] = { value: meanSquaredError(cosines, labels), baseline: meanSquaredError(constant, labels) };
  }
  return { measured, cosines };
}

async function cosinesOf({ dataset, left, right }: PairSet, batchSize: number, embed: Embed): Promise<Float64Array> {
  const videos = [...new Set([...left, ...right])];
  const vectors = await vectorsOf(dataset, videos, batchSize, embed);
  return Float64Array.from(left, (video, i) => {
    const [a, b] = [vectors.get(video)!, vectors.get(right[i])!];
    return a.reduce((sum, value, k) => sum + value * b[k], 0);
  });
}

async function vectorsOf(
  dataset: Dataset,
  videos: readonly number[],
  size: number,
  embed: Embed,
): Promise<Map<number, Float32Array>> {
  const vectors = new Map<number, Float32Array>();
  for await (const batch of batchesOf(dataset, videos, size)) {
    for (const row of rowsOf(embed(batch))) vectors.set(videos[vectors.size], row);
  }
  return vectors;
}

/** The rows of a tensor, which is then disposed of. */
function rowsOf(tensor: Tensor2D): Float32Array[] {
  const [count, width] = tensor.shape;
  const values = tensor.dataSync<'float32'>().slice();
  tensor.dispose();
  return Array.from({ length: count }, (_, i) => values.subarray(i * width, (i + 1) * width));
}

/** Embeds the held-out splits and checks the submission by reading it again. */
async function conclude(running: Running): Promise<Conclusion> {
  const { finetuning, parts, embed } = running;
  const { context, heldOut } = finetuning;
  const { batchSize, folds } = context.config.finetune;
  const embeddings = new Map<string, Float32Array>();
  for await (const batch of batchesInOrder(heldOut.dataset, batchSize)) {
    context.signal.throwIfAborted();
    const rows = rowsOf(embed(batch));
    batch.ids.forEach((id, i) => embeddings.set(id, rows[i]));
  }
  const path = (name: string): string => join(context.folder, name);
  const zip = writeEmbeddings(embeddings);
  readEmbeddings(zip, new Set(embeddings.keys()));
  await writeBytesAtomically(path('result.zip'), zip);
  const { measured, cosines } = await measure(running);
  const held = folds === null ? undefined : parts.validation;
  if (held) await writeAtomically(path(OUT_OF_FOLD_PAIRS), outOfFold(held, cosines, context.config.finetune.fold));
  await writeAtomically(path('scores.json'), `${JSON.stringify(measured, null, 2)}\n`);
  return {
    made: [
      { path: path('result.zip'), about: `embeddings of ${counted(embeddings.size, 'video')}, as submitted` },
      ...(held ? [{ path: path(OUT_OF_FOLD_PAIRS), about: 'cosines of the pairs of the fold that was held out' }] : []),
      { path: path('scores.json'), about: 'what was measured' },
    ],
    summary: {},
  };
}

function outOfFold({ dataset, left, right, scores }: PairSet, cosines: Float64Array, fold: number | 'all'): string {
  const line = (video: number, i: number): string =>
    `${JSON.stringify({ id1: dataset.id(video), id2: dataset.id(right[i]), fold, score: scores[i], cosine: cosines[i] })}\n`;
  return Array.from(left, line).join('');
}
