import type { Measurement } from '../training/measurement.js';
import { batchesInOrder } from '@wbdc/data';
import {
  cosinesOfPairs,
  judgeCosines,
  pairLabeller,
  pairLengths,
  pairRecall,
  pairRows,
  rankingSet,
  readPairBatch,
  readRankingBatch,
  takeRowsOf,
  type PairBatch,
  type PairSet,
  type RankingSet,
} from '@wbdc/finetune';
import { finetuneFiles, writeEmbeddingFile, writeOutOfFoldPairs, writeSimilarityScores } from '@wbdc/finetune/node';
import { WbdcError } from '@wbdc/io/errors';
import type { Measured } from '@wbdc/metrics';
import { disposeTree, type Encoder } from '@wbdc/nn';
import { describeModel } from '../saved/saved-model.js';
import { paddedAlike } from '../training/ranks.js';
import { runTraining, type TrainingResult } from '../training/run.js';
import { pairBaselinesOf, pairTexts } from './baselines.js';
import { baselineSource, savedFields, savedFiles, weightsKey } from './common.js';
import type { BatchPosition } from '../training/order.js';
import { takePart } from '../training/take-part.js';
import type { EncoderParams } from './encoder.js';
import { saveFinished } from './finished.js';
import type { FinetuneConclusion, FinetuneOptions } from './options.js';
import { pairCosines, pairVectors } from './pair-cosines.js';
import { withMinedNegatives } from './mined.js';
import { dividePairs, type PairData } from './pairs.js';
import { similarityRecipe, type SimilarityRecipe } from './recipe.js';
import { startEmbedding, startEncoder } from './start.js';

interface Running {
  readonly options: FinetuneOptions;
  readonly data: PairData;
  /** From a score to the target of the cosine. */
  readonly label: (score: number) => number;
  readonly recipe: SimilarityRecipe;
  /** Spearman of what needs no model, by name; measured once. */
  readonly baselines: (pairs: PairSet) => Promise<Record<string, number>>;
}

/** Similarity finetuning: measured on validation pairs and on those of the held-out videos. */
export async function finetuneSimilarity(
  options: FinetuneOptions,
  encoder: Encoder<EncoderParams>,
): Promise<TrainingResult<Measurement, FinetuneConclusion>> {
  const { settings, folder, communicator } = options;
  const { averageBest, bestBy, labels } = settings.finetune;
  const data = dividePairs(options, await withMinedNegatives(options));
  const ranking = settings.finetune.loss === 'negatives' ? rankingSet(data.train) : undefined;
  const label = pairLabeller(data.train.scores, labels);
  const recipe = similarityRecipe(settings, encoder, await weightsKey(options), communicator);
  try {
    await startEncoder(options, recipe.params.encoder);
    if (settings.finetune.embedding === 'tag') await startEmbedding(options, recipe.params.head);
    const running: Running = { options, data, label, recipe, baselines: baselinesOnce(options) };
    const model = describeModel('similarity', savedFields(options, recipe.head));
    const files = savedFiles(options);
    return await runTraining({
      ...options,
      recipe,
      best: averageBest === null ? undefined : bestOf(averageBest, metricOf(data, ranking ? 'recall@1' : bestBy)),
      data: ranking ? rankingData(ranking, options) : pairData(data.train, label, options),
      evaluate: () => measure(running),
      model,
      files,
      conclude: async ({ measurement, ...end }) => {
        const { params } = recipe;
        const saved = { folder, extractor: options.extractor, params, model, files, ...end };
        return { ...(await saveFinished(saved)), ...(await conclude(running, measurement)) };
      },
    });
  } finally {
    disposeTree({ ...recipe.params });
  }
}

/** Baselines of sets of pairs, each read and measured when it is first asked for. */
function baselinesOnce(options: FinetuneOptions): Running['baselines'] {
  const known = new Map<PairSet, Promise<Record<string, number>>>();
  return (pairs) => {
    const own = known.get(pairs) ?? pairBaselinesOf(pairs, baselineSource(options));
    known.set(pairs, own);
    return own;
  };
}

/** Batches of pairs with labels. */
function pairData(set: PairSet, label: Running['label'], { communicator, settings }: FinetuneOptions) {
  const read = async ({ indices, key, part }: BatchPosition): Promise<PairBatch> => {
    const own = await readPairBatch(set, takePart(indices, part), label, key);
    if (!part || !communicator) return own;
    const rows = pairRows(set, takePart(indices, part), indices);
    const labels = Float32Array.from(indices, (i) => label(set.scores[i]));
    const compared = settings.finetune.loss === 'cosent' && { shared: { communicator, labels } };
    return { ...own, batch: await paddedAlike(own.batch, communicator), rows, ...compared };
  };
  return { lengths: pairLengths(set), read };
}

/** Batches of pairs that find each other. */
function rankingData(set: RankingSet, { communicator, settings }: FinetuneOptions) {
  const { hardNegatives: hardPerPair } = settings.finetune;
  const read = async ({ indices, key, part }: BatchPosition): Promise<PairBatch> => {
    const own = await readRankingBatch(set, indices, { hardPerPair, key, part, communicator });
    return part && communicator ? { ...own, batch: await paddedAlike(own.batch, communicator) } : own;
  };
  return { lengths: pairLengths(set.positives), read };
}

function bestOf(count: number, metric: string) {
  return { count, metric, smallest: metric.endsWith('mse') };
}

/** What the best weights are chosen by: pairs that are no test, where there are any. */
function metricOf({ validation, heldOut }: PairData, by: 'spearman' | 'mse' | 'recall@1'): string {
  if (validation === undefined && heldOut === undefined) {
    throw new WbdcError({
      where: 'finetune.averageBest',
      expected: 'pairs to choose the best by',
      got: 'none',
      advice: 'set finetune.share or finetune.folds',
    });
  }
  return validation === undefined ? by : `validation/${by}`;
}

interface Judged extends Measurement {
  readonly measured: Readonly<Record<string, Measured>>;
  /** Of the validation pairs, where there are any. */
  readonly cosines: Float64Array;
}

async function measure(running: Running): Promise<Judged> {
  const { options, data, label, recipe, baselines } = running;
  const { train, validation, heldOut } = data;
  const constant = train.scores.reduce((sum, score) => sum + label(score), 0) / train.scores.length;
  const measured: Record<string, Measured> = {};
  let cosines: Float64Array = new Float64Array(0);
  const sets = [
    ['', heldOut],
    ['validation/', validation],
  ] as const;
  for (const [name, pairs] of sets) {
    if (pairs === undefined) continue;
    if (options.settings.finetune.loss === 'negatives') {
      const set = rankingSet(pairs);
      const { vectors, marks } = await pairVectors(pairs, recipe.embed, recipe.settings.batchSize);
      cosines = cosinesOfPairs(pairs, vectors);
      const textOf = await pairTexts(pairs, baselineSource(options));
      const recall = pairRecall(set, vectors, textOf, marks);
      for (const [metric, value] of Object.entries(recall)) measured[name + metric] = value;
      continue;
    }
    cosines = await pairCosines(pairs, recipe.embed, recipe.settings.batchSize);
    const { spearman, mse } = judgeCosines(cosines, pairs.scores, {
      ...{ target: label, constant },
      baselines: await baselines(pairs),
    });
    measured[`${name}spearman`] = spearman;
    measured[`${name}mse`] = mse;
  }
  return { measured, cosines };
}

/** Embeds the held-out videos, and writes what was measured in full. */
async function conclude(
  { options, data, recipe }: Running,
  { measured, cosines }: Judged,
): Promise<Omit<FinetuneConclusion, 'model' | 'tower'>> {
  const { folder, signal, settings } = options;
  const { folds, fold, batchSize } = settings.finetune;
  const embeddings = new Map<string, Float32Array>();
  for await (const batch of batchesInOrder(options.data.heldOut, batchSize)) {
    signal?.throwIfAborted();
    const rows = takeRowsOf(recipe.embed(batch));
    batch.ids.forEach((id, i) => embeddings.set(id, rows[i]));
  }
  const files = finetuneFiles(folder);
  await writeEmbeddingFile(files.embeddings, embeddings);
  const held = folds === null ? undefined : data.validation;
  if (held) await writeOutOfFoldPairs(files.outOfFold, held, cosines, Number(fold));
  await writeSimilarityScores(files.scores, measured);
  const mined = settings.finetune.mined !== null;
  return { files, predicted: embeddings.size, outOfFold: held !== undefined, mined };
}
