import { join } from 'node:path';
import { readBatch, type Dataset } from '@wbdc/data';
import {
  categoryModel,
  chooseClasses,
  countClasses,
  writeCategories,
  type CategoryBatch,
  type RareClasses,
} from '@wbdc/finetune';
import { foldIn, randomKey } from '@wbdc/nn';
import { UserError } from '../../errors.js';
import { writeAtomically, writeBytesAtomically } from '../../files.js';
import { counted } from '../../format.js';
import type { Artifact } from '../../stage.js';
import { train, type Conclusion, type Trained } from '../training.js';
import { CATEGORIES_FILE, categoryNames, divide, type Parts } from './category-data.js';
import { judge, mostFrequent, type CategoryJudgement } from './category-scores.js';
import { finishedModel } from './finished.js';
import { joinRows, predictVideos, probabilityLines, type Predict, type Predicted } from './probabilities.js';
import { architectureOf, gradientsOf, rulesOf, startEncoder, tokenizerFiles, type Finetuning } from './start.js';
import { predictionsPath } from './teachers.js';

/** A model that is being finetuned, with what it learns from and is measured on. */
interface Running {
  readonly finetuning: Finetuning;
  readonly parts: Parts;
  readonly rare: RareClasses;
  readonly predict: Predict;
}

/** Category finetuning: measured on a fold, or on the held-out splits where their truth is known. */
export async function finetuneCategory(finetuning: Finetuning): Promise<Trained> {
  const { context, encoder, training } = finetuning;
  const { config, folder } = context;
  const { finetune } = config;
  const parts = await divide(finetuning);
  assertMeasurable(parts, finetune.averageBest);
  const { classes, lessons } = parts;
  await writeAtomically(join(folder, CATEGORIES_FILE), `${classes.join('\n')}\n`);
  const { pooling, dropout, samples, labelSmoothing, rDrop } = finetune;
  const head = { pooling, dropout, samples, outputs: classes.length };
  const model = categoryModel(encoder, { ...head, labelSmoothing, rDrop });
  const params = model.init(foldIn(randomKey(config.seed), 'init'));
  await startEncoder(finetuning, params.encoder);
  const learned = parts.train.map(({ category }) => category);
  const rare = { counts: [...countClasses(learned, classes)], strength: finetune.rareClass };
  const running: Running = { finetuning, parts, rare, predict: (batch) => model.predict(params, batch) };
  const favoured = rare.strength > 0 && { rareClass: rare };
  const own = { kind: 'category', head, ema: finetune.ema, classes, ...favoured };
  const saved = { ...architectureOf(config, training), ...own, ...(finetune.vision && { vision: finetune.vision }) };
  return train<CategoryBatch>(context, {
    params,
    settings: finetune,
    rules: rulesOf(config, params),
    gradients: gradientsOf(finetune.adversarial),
    averageDecay: finetune.ema ?? undefined,
    best: finetune.averageBest === null ? undefined : { count: finetune.averageBest, metric: 'score' },
    lengths: lessons.map(({ index }) => training.dataset.length(index)),
    read: async (indices, key) => {
      const chosen = indices.map((i) => lessons[i]);
      const batch = await readBatch(
        training.dataset,
        chosen.map(({ index }) => index),
        key,
      );
      return { batch, labels: chosen.map(({ label }) => label), weights: chosen.map(({ weight }) => weight) };
    },
    loss: (batch, key) => model.loss(params, batch, key),
    ids: ({ batch }) => batch.ids,
    evaluate: async () => (await measure(running)).measured,
    conclude: () => conclude(running),
    config: saved,
    finished: () => finishedModel(finetuning, params, saved),
    files: [...tokenizerFiles(context), join(folder, CATEGORIES_FILE), ...(await categoryNames(context))],
  });
}

function assertMeasurable({ measure: { videos } }: Parts, averageBest: number | null): void {
  if (averageBest === null || videos.length > 0) return;
  throw new UserError(
    'finetune.averageBest: expected videos with a known category to choose the best by, got none: set finetune.folds',
  );
}

type Judged = CategoryJudgement & { readonly values: Float32Array; readonly predicted: readonly string[] };

/** Predicts the videos to measure on. */
async function measure(running: Running): Promise<Judged> {
  const { measure: measured, train: learned, classes } = running.parts;
  const parts: Float32Array[] = [];
  for await (const { values } of predicting(
    running,
    measured.dataset,
    measured.videos.map(({ index }) => index),
  ))
    parts.push(values);
  const values = joinRows(parts);
  const predicted = chooseClasses(values, classes, running.rare);
  const truth = measured.videos.map(({ category }) => category);
  return { ...judge(truth, predicted, mostFrequent(learned.map(({ category }) => category))), values, predicted };
}

function predicting({ finetuning, predict }: Running, dataset: Dataset, rows: readonly number[]) {
  const { config, signal } = finetuning.context;
  return predictVideos(dataset, rows, config.finetune.batchSize, predict, signal);
}

/** Predicts the held-out splits and those of finetune.predict, and writes what was measured in full. */
async function conclude(running: Running): Promise<Conclusion> {
  const { finetuning, parts } = running;
  const { folder, config } = finetuning.context;
  const { folds } = config.finetune;
  const path = (name: string): string => join(folder, name);
  const predictions = new Map<string, string>();
  const watched = watching(running, finetuning.heldOut.dataset, predictions);
  await writeBytesAtomically(path('probabilities.jsonl'), probabilityLines(watched));
  await writeAtomically(path('result.csv'), writeCategories(predictions));
  const further = await predictFurther(running);
  const judged = await measure(running);
  if (folds !== null) await writeBytesAtomically(path(OUT_OF_FOLD), outOfFold(running, judged));
  await writeAtomically(path('scores.json'), `${JSON.stringify(judged.details, null, 2)}\n`);
  const about = `of ${parts.classes.length} categories, in the order of ${CATEGORIES_FILE}`;
  return {
    made: [
      { path: path('result.csv'), about: `categories of ${counted(predictions.size, 'video')}, as submitted` },
      { path: path('probabilities.jsonl'), about },
      ...further,
      ...(folds === null ? [] : [{ path: path(OUT_OF_FOLD), about: 'predictions of the fold that was held out' }]),
      { path: path('scores.json'), about: 'scores, confusion of level 1, every category' },
    ],
    summary: { classes: parts.classes.length, 'labelled videos': parts.train.length },
  };
}

/** Predictions of the fold that was held out. */
export const OUT_OF_FOLD = 'out-of-fold.jsonl';

/** Notes the chosen class of every video that passes. */
async function* watching(
  running: Running,
  dataset: Dataset,
  predictions: Map<string, string>,
): AsyncGenerator<Predicted> {
  for await (const part of predicting(running, dataset, [...Array(dataset.size).keys()])) {
    const chosen = chooseClasses(part.values, running.parts.classes, running.rare);
    part.ids.forEach((id, i) => predictions.set(id, chosen[i]));
    yield part;
  }
}

async function predictFurther(running: Running): Promise<Artifact[]> {
  const { context, open } = running.finetuning;
  const made: Artifact[] = [];
  for (const split of context.config.finetune.predict) {
    const { dataset } = await open([split]);
    const path = predictionsPath(context.folder, split);
    await writeBytesAtomically(path, probabilityLines(predicting(running, dataset, [...Array(dataset.size).keys()])));
    made.push({ path, about: `probabilities of ${counted(dataset.size, 'video')}, for finetune.distill` });
  }
  return made;
}

/** Lines of the held-out fold: also the category, and the one predicted. */
function outOfFold({ parts, finetuning }: Running, { values, predicted }: Judged): AsyncGenerator<string> {
  const { dataset, videos } = parts.measure;
  const { fold } = finetuning.context.config.finetune;
  const ids = videos.map(({ index }) => dataset.id(index));
  const known = new Map(ids.map((id, i) => [id, { fold, category: videos[i].category, predicted: predicted[i] }]));
  return probabilityLines([{ ids, values }], (id) => known.get(id)!);
}
