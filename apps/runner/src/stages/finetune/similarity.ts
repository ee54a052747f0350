import { batchesInOrder, batchesOf, type Dataset } from '@wbdc/data';
import {
  cosinesOfPairs,
  judgeCosines,
  pairLabeller,
  pairLengths,
  readPairBatch,
  takeRowsOf,
  videosOfPairs,
  type PairSet,
} from '@wbdc/finetune';
import { finetuneFiles, writeEmbeddingFile, writeOutOfFoldPairs, writeSimilarityScores } from '@wbdc/finetune/node';
import type { Measured } from '@wbdc/metrics';
import { foldIn, randomKey, type Batch } from '@wbdc/nn';
import { describeModel, similarityRecipe } from '@wbdc/pipeline';
import type { Tensor2D } from '@tensorflow/tfjs';
import { UserError } from '../../errors.js';
import { counted } from '../../format.js';
import { train, type Conclusion, type Trained } from '../training.js';
import { joinConclusions, saveFinished } from './finished.js';
import { readPairs, type PairParts } from './pairs.js';
import { architectureOf, startEncoder, tokenizerFiles, type Finetuning } from './start.js';

/** Similarity finetuning: measured on validation pairs and on those of the held-out splits. */
export async function finetuneSimilarity(finetuning: Finetuning): Promise<Trained> {
  const { context, encoder, training, heldOut } = finetuning;
  const { config } = context;
  const { finetune } = config;
  const parts = await readPairs(context, training.dataset, heldOut.dataset);
  const label = pairLabeller(parts.train.scores, finetune.labels);
  const recipe = similarityRecipe(config, encoder, foldIn(randomKey(config.seed), 'init'));
  const { params, head, embed } = recipe;
  await startEncoder(finetuning, params.encoder);
  const running: Running = { finetuning, parts, label, embed };
  const kept = tokenizerFiles(context);
  const model = describeModel('similarity', {
    ...architectureOf(config, training),
    head,
    ema: finetune.ema,
    ...(finetune.vision && { vision: finetune.vision }),
  });
  return train(context, {
    recipe,
    best: finetune.averageBest === null ? undefined : { count: finetune.averageBest, metric: measureOf(parts) },
    data: {
      lengths: pairLengths(parts.train),
      read: ({ indices, key }) => readPairBatch(parts.train, indices, label, key),
    },
    evaluate: () => measure(running),
    model,
    files: kept,
    conclude: async ({ measurement, ...end }) => {
      const finished = await saveFinished(finetuning, params, { ...end, model, files: kept });
      return joinConclusions(finished, await conclude(running, measurement));
    },
  });
}

type Embed = (batch: Batch) => Tensor2D;

interface Running {
  readonly finetuning: Finetuning;
  readonly parts: PairParts;
  readonly label: (score: number) => number;
  readonly embed: Embed;
}

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

interface Judged {
  readonly measured: Record<string, Measured>;
  /** Of the validation pairs. */
  readonly cosines: Float64Array;
}

async function measure({ finetuning, parts, label, embed }: Running): Promise<Judged> {
  const { train: learned, validation, heldOut } = parts;
  const { batchSize } = finetuning.context.config.finetune;
  const constant = learned.scores.reduce((sum, score) => sum + label(score), 0) / learned.scores.length;
  const measured: Record<string, Measured> = {};
  let cosines: Float64Array = new Float64Array(0);
  const sets = [
    ['', heldOut],
    ['validation/', validation],
  ] as const;
  for (const [name, pairs] of sets) {
    if (pairs === undefined) continue;
    cosines = await cosinesOf(pairs, batchSize, embed);
    const { spearman, mse } = judgeCosines(cosines, pairs.scores, { target: label, constant });
    measured[`${name}spearman`] = spearman;
    measured[`${name}mse`] = mse;
  }
  return { measured, cosines };
}

async function cosinesOf(pairs: PairSet, batchSize: number, embed: Embed): Promise<Float64Array> {
  return cosinesOfPairs(pairs, await vectorsOf(pairs.dataset, videosOfPairs(pairs), batchSize, embed));
}

async function vectorsOf(
  dataset: Dataset,
  videos: readonly number[],
  size: number,
  embed: Embed,
): Promise<Map<number, Float32Array>> {
  const vectors = new Map<number, Float32Array>();
  for await (const batch of batchesOf(dataset, videos, size)) {
    for (const row of takeRowsOf(embed(batch))) vectors.set(videos[vectors.size], row);
  }
  return vectors;
}

/** Embeds the held-out splits and checks the submission by reading it again. */
async function conclude(running: Running, { measured, cosines }: Judged): Promise<Conclusion> {
  const { finetuning, parts, embed } = running;
  const { context, heldOut } = finetuning;
  const { batchSize, folds, fold } = context.config.finetune;
  const embeddings = new Map<string, Float32Array>();
  for await (const batch of batchesInOrder(heldOut.dataset, batchSize)) {
    context.signal.throwIfAborted();
    const rows = takeRowsOf(embed(batch));
    batch.ids.forEach((id, i) => embeddings.set(id, rows[i]));
  }
  const files = finetuneFiles(context.folder);
  await writeEmbeddingFile(files.embeddings, embeddings);
  const held = folds === null ? undefined : parts.validation;
  if (held) await writeOutOfFoldPairs(files.outOfFold, held, cosines, Number(fold));
  await writeSimilarityScores(files.scores, measured);
  return {
    made: [
      { path: files.embeddings, about: `embeddings of ${counted(embeddings.size, 'video')}, as submitted` },
      ...(held ? [{ path: files.outOfFold, about: 'cosines of the pairs of the fold that was held out' }] : []),
      { path: files.scores, about: 'what was measured' },
    ],
    summary: {},
  };
}
