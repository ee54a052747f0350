import { basename } from 'node:path';
import { batchesInOrder, batchesOf, type Dataset } from '@wbdc/data';
import {
  chooseClasses,
  countClasses,
  joinRows,
  judgeCategories,
  measuredCategories,
  mostFrequent,
  predictBatches,
  readCategoryBatch,
  writeCategories,
  type CategoryScores,
  type Predicted,
  type RareClasses,
} from '@wbdc/finetune';
import {
  finetuneFiles,
  writeCategoryScores,
  writeClasses,
  writeOutOfFold,
  writeProbabilities,
} from '@wbdc/finetune/node';
import { writeFileAtomic } from '@wbdc/io';
import type { Measured } from '@wbdc/metrics';
import { foldIn, randomKey, type Batch } from '@wbdc/nn';
import { categoryRecipe, describeModel } from '@wbdc/pipeline';
import type { Tensor2D } from '@tensorflow/tfjs';
import { UserError } from '../../errors.js';
import { counted } from '../../format.js';
import type { Artifact } from '../../stage.js';
import { train, type Conclusion, type Trained } from '../training.js';
import { categoryNames, divide, type Parts } from './category-data.js';
import { joinConclusions, saveFinished } from './finished.js';
import { architectureOf, startEncoder, tokenizerFiles, type Finetuning } from './start.js';

/** A model that is being finetuned, with what it learns from and is measured on. */
interface Running {
  readonly finetuning: Finetuning;
  readonly parts: Parts;
  readonly rare: RareClasses;
  readonly predict: (batch: Batch) => Tensor2D;
}

/** Category finetuning: measured on a fold, or on the held-out splits where their truth is known. */
export async function finetuneCategory(finetuning: Finetuning): Promise<Trained> {
  const { context, encoder, training } = finetuning;
  const { config, folder } = context;
  const { finetune } = config;
  const parts = await divide(finetuning);
  assertMeasurable(parts, finetune.averageBest);
  const { classes, examples } = parts;
  const files = finetuneFiles(folder);
  await writeClasses(files.classes, classes);
  const recipe = categoryRecipe(config, encoder, classes.length, foldIn(randomKey(config.seed), 'init'));
  const { params, head, predict } = recipe;
  await startEncoder(finetuning, params.encoder);
  const learned = parts.train.map(({ category }) => category);
  const rare = { counts: [...countClasses(learned, classes)], strength: finetune.rareClass };
  const running: Running = { finetuning, parts, rare, predict };
  const favoured = rare.strength > 0 && { rareClass: rare };
  const own = { head, ema: finetune.ema, classes, ...favoured };
  const vision = finetune.vision && { vision: finetune.vision };
  const kept = [...tokenizerFiles(context), files.classes, ...(await categoryNames(context))];
  const model = describeModel('category', { ...architectureOf(config, training), ...own, ...vision });
  return train(context, {
    recipe,
    best: finetune.averageBest === null ? undefined : { count: finetune.averageBest, metric: 'score' },
    data: {
      lengths: examples.map(({ index }) => training.dataset.length(index)),
      read: ({ indices, key }) => {
        const chosen = indices.map((i) => examples[i]);
        return readCategoryBatch(training.dataset, chosen, key);
      },
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

function assertMeasurable({ measure: { videos } }: Parts, averageBest: number | null): void {
  if (averageBest === null || videos.length > 0) return;
  throw new UserError(
    'finetune.averageBest: expected videos with a known category to choose the best by, got none: set finetune.folds',
  );
}

interface Judged {
  readonly scores: CategoryScores | undefined;
  readonly measured: Record<string, Measured>;
  readonly values: Float32Array;
  readonly predicted: readonly string[];
}

/** Predicts the videos to measure on. */
async function measure(running: Running): Promise<Judged> {
  const { measure: measured, train: learned, classes } = running.parts;
  const indices = measured.videos.map(({ index }) => index);
  const blocks: Float32Array[] = [];
  for await (const { values } of predicting(running, measured.dataset, indices)) blocks.push(values);
  const values = joinRows(blocks);
  const predicted = chooseClasses(values, classes, running.rare);
  const truth = measured.videos.map(({ category }) => category);
  const scores = judgeCategories(truth, predicted, mostFrequent(learned.map(({ category }) => category)));
  return { scores, measured: scores ? measuredCategories(scores) : {}, values, predicted };
}

/** Predicts some videos of a data set, or all of them. */
function predicting({ finetuning, predict }: Running, dataset: Dataset, rows?: readonly number[]) {
  const { config, signal } = finetuning.context;
  const { batchSize } = config.finetune;
  const batches = rows ? batchesOf(dataset, rows, batchSize) : batchesInOrder(dataset, batchSize);
  return predictBatches(batches, predict, signal);
}

/** Predicts the held-out splits and those of finetune.predict, and writes what was measured in full. */
async function conclude(running: Running, { scores, values, predicted }: Judged): Promise<Conclusion> {
  const { finetuning, parts } = running;
  const { folder, config } = finetuning.context;
  const { folds, fold } = config.finetune;
  const files = finetuneFiles(folder);
  const predictions = new Map<string, string>();
  const watched = watching(running, finetuning.heldOut.dataset, predictions);
  await writeProbabilities(files.probabilities, watched);
  await writeFileAtomic(files.categories, writeCategories(predictions));
  const further = await predictFurther(running);
  if (folds !== null) {
    await writeOutOfFold(files.outOfFold, { ...parts.measure, fold: Number(fold), values, predicted });
  }
  await writeCategoryScores(files.scores, scores);
  const about = `of ${parts.classes.length} categories, in the order of ${basename(files.classes)}`;
  return {
    made: [
      { path: files.categories, about: `categories of ${counted(predictions.size, 'video')}, as submitted` },
      { path: files.probabilities, about },
      ...further,
      ...(folds === null ? [] : [{ path: files.outOfFold, about: 'predictions of the fold that was held out' }]),
      { path: files.scores, about: 'scores, confusion of level 1, every category' },
    ],
    summary: { classes: parts.classes.length, 'labelled videos': parts.train.length },
  };
}

/** Notes the chosen class of every video that passes. */
async function* watching(
  running: Running,
  dataset: Dataset,
  predictions: Map<string, string>,
): AsyncGenerator<Predicted> {
  for await (const block of predicting(running, dataset)) {
    const chosen = chooseClasses(block.values, running.parts.classes, running.rare);
    block.ids.forEach((id, i) => predictions.set(id, chosen[i]));
    yield block;
  }
}

async function predictFurther(running: Running): Promise<Artifact[]> {
  const { context, open } = running.finetuning;
  const made: Artifact[] = [];
  for (const split of context.config.finetune.predict) {
    const { dataset } = await open([split]);
    const path = finetuneFiles(context.folder).probabilitiesOf(split);
    await writeProbabilities(path, predicting(running, dataset));
    made.push({ path, about: `probabilities of ${counted(dataset.size, 'video')}, for finetune.distill` });
  }
  return made;
}
