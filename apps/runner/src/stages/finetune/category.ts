import { join } from 'node:path';
import { readBatch, type Dataset } from '@wbdc/data';
import {
  categoryModel,
  categoryScore,
  chooseClasses,
  classScores,
  confusion,
  countClasses,
  level1,
  readCategories,
  stratifiedFolds,
  writeCategories,
  type CategoryBatch,
  type RareClasses,
} from '@wbdc/finetune';
import { foldIn, randomKey, type Batch } from '@wbdc/nn';
import type { Tensor2D } from '@tensorflow/tfjs';
import { UserError } from '../../errors.js';
import { exists, readIfThere, writeAtomically } from '../../files.js';
import { counted } from '../../format.js';
import type { Measured } from '../../report/history.js';
import type { Json, StageContext } from '../../stage.js';
import { dataRoot } from '../data-root.js';
import { train, type Conclusion, type Trained } from '../training.js';
import { batchesInOrder, batchesOf } from '../video-set.js';
import { architectureOf, gradientsOf, rulesOf, startEncoder, tokenizerFiles, type Finetuning } from './start.js';

/** A labelled video: its place in a data set, and its category. */
interface Labelled {
  readonly index: number;
  readonly category: string;
}

/** Labelled videos to learn from, and those to measure on. */
interface Parts {
  readonly train: readonly Labelled[];
  readonly measure: { readonly dataset: Dataset; readonly videos: readonly Labelled[] };
}

/** Category finetuning: measured on a fold, or on the held-out splits where their truth is known. */
export async function finetuneCategory(finetuning: Finetuning): Promise<Trained> {
  const { context, encoder, training } = finetuning;
  const { config, folder } = context;
  const { finetune } = config;
  const parts = await divide(finetuning);
  const classes = [...new Set(parts.train.map(({ category }) => category))].sort();
  const classOf = new Map(classes.map((category, i) => [category, i]));
  await writeAtomically(join(folder, CATEGORIES_FILE), `${classes.join('\n')}\n`);
  const { pooling, dropout, samples, labelSmoothing, rDrop } = finetune;
  const head = { pooling, dropout, samples, outputs: classes.length };
  const model = categoryModel(encoder, { ...head, labelSmoothing, rDrop });
  const params = model.init(foldIn(randomKey(config.seed), 'init'));
  await startEncoder(finetuning, params.encoder);
  const predict = (batch: Batch): Tensor2D => model.predict(params, batch);
  const judge = newJudge(parts, classes, finetune);
  return train<CategoryBatch>(context, {
    params,
    settings: finetune,
    rules: rulesOf(config),
    gradients: gradientsOf(finetune.adversarial),
    averageDecay: finetune.ema ?? undefined,
    lengths: parts.train.map(({ index }) => training.dataset.length(index)),
    read: async (indices, key) => {
      const videos = indices.map((i) => parts.train[i]);
      const batch = await readBatch(training.dataset, videos.map(({ index }) => index), key); // prettier-ignore
      return { batch, labels: Int32Array.from(videos, ({ category }) => classOf.get(category)!) };
    },
    loss: (batch, key) => model.loss(params, batch, key),
    ids: ({ batch }) => batch.ids,
    evaluate: async () => (await judge(predict)).measured,
    conclude: () => conclude(finetuning, predict, judge, classes, parts),
    config: { ...architectureOf(config, training), kind: 'category', head, ema: finetune.ema, classes },
    files: [...tokenizerFiles(context), join(folder, CATEGORIES_FILE), ...(await categoryNames(context))],
  });
}

export const CATEGORIES_FILE = 'categories.txt';

/** What the categories are called, where the data set says so. */
export const NAMES_FILE = 'categories.json';

async function categoryNames(context: StageContext): Promise<string[]> {
  const path = join(dataRoot(context), NAMES_FILE);
  return (await exists(path)) ? [path] : [];
}

type Predict = (batch: Batch) => Tensor2D;

async function divide({ context, training, heldOut }: Finetuning): Promise<Parts> {
  const { finetune, data } = context.config;
  const labelled = labelledOf(training.dataset);
  if (labelled.length === 0) {
    throw new UserError(`finetune.splits: expected videos with category_id in ${finetune.splits.join(', ')}, got none`);
  }
  if (finetune.folds !== null) {
    const rare = countSingle(labelled);
    if (rare > 0) context.output.warn(`${counted(rare, 'category', 'categories')} with one video each: ${SINGLE_RULE}`);
    const key = foldIn(randomKey(0), 'folds'); // the same folds for every seed: models of several folds make a whole
    const folds = stratifiedFolds(labelled.map(({ category }) => category), finetune.folds, key); // prettier-ignore
    const side = (held: boolean): Labelled[] => labelled.filter((_, i) => (folds[i] === finetune.fold) === held);
    return { train: side(false), measure: { dataset: training.dataset, videos: side(true) } };
  }
  const truth = await readTruth(context);
  const known = labelledOf(heldOut.dataset, truth);
  const unknown = truth.size - known.filter(({ index }) => truth.has(heldOut.dataset.id(index))).length;
  if (unknown > 0)
    context.output.warn(`${counted(unknown, 'label')} of held-out videos that are not there: not counted`);
  if (known.length === 0) {
    context.output.warn(
      `no truth of ${data.heldOutSplits.join(', ')}: predicts them without measuring; or set finetune.folds`,
    );
  }
  return { train: labelled, measure: { dataset: heldOut.dataset, videos: known } };
}

const SINGLE_RULE = 'each is learned from except where its fold is the one held out';

function countSingle(labelled: readonly Labelled[]): number {
  const counts = new Map<string, number>();
  for (const { category } of labelled) counts.set(category, (counts.get(category) ?? 0) + 1);
  return [...counts.values()].filter((count) => count === 1).length;
}

function labelledOf(dataset: Dataset, truth?: ReadonlyMap<string, string>): Labelled[] {
  return Array.from({ length: dataset.size }, (_, index) => index).flatMap((index) => {
    const category = truth?.get(dataset.id(index)) ?? dataset.text(index).categoryId;
    return category === undefined ? [] : [{ index, category }];
  });
}

/** `<split>_truth.csv` beside the annotations, lines as in a submission. */
async function readTruth(context: StageContext): Promise<Map<string, string>> {
  const truth = new Map<string, string>();
  for (const split of context.config.data.heldOutSplits) {
    const text = await readIfThere(join(dataRoot(context), 'annotations', `${split}_truth.csv`));
    if (text === undefined) continue;
    const ids = new Set(text.split(/\r?\n/).map((line) => line.split(',')[0]).filter(Boolean)); // prettier-ignore
    for (const [id, category] of readCategories(text, ids)) truth.set(id, category);
  }
  return truth;
}

/** Measures a model, and says more about it for scores.json. */
type Judge = (predict: Predict) => Promise<{ measured: Record<string, Measured>; details: Json }>;

function newJudge(
  { train: learned, measure }: Parts,
  classes: readonly string[],
  finetune: StageContext['config']['finetune'],
): Judge {
  const truth = measure.videos.map(({ category }) => category);
  const majority = mostFrequent(learned.map(({ category }) => category));
  const rare = rareOf(learned, classes, finetune.rareClass);
  return async (predict) => {
    if (truth.length === 0) return { measured: {}, details: {} };
    const rows = measure.videos.map(({ index }) => index);
    const predicted = chooseClasses(await probabilitiesOf(measure.dataset, rows, finetune.batchSize, predict), classes, rare); // prettier-ignore
    const [score, baseline] = [
      categoryScore(truth, predicted),
      categoryScore(
        truth,
        truth.map(() => majority),
      ),
    ];
    const names = Object.keys(score) as (keyof typeof score)[];
    const measured = Object.fromEntries(
      names.map((name) => [name === 'mean' ? 'score' : name, { value: score[name], baseline: baseline[name] }]),
    );
    const groups = confusion(truth.map(level1), predicted.map(level1));
    const details = {
      videos: truth.length,
      score,
      baseline,
      majority,
      confusionByLevel1: groups,
      classes: classScores(truth, predicted),
    };
    return { measured, details: JSON.parse(JSON.stringify(details)) as Json };
  };
}

function mostFrequent(labels: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  return [...counts].reduce((best, next) => (next[1] > best[1] ? next : best))[0];
}

/** Which classes are rare, and how far the configuration favours them. */
function rareOf(learned: readonly Labelled[], classes: readonly string[], strength: number): RareClasses {
  return { counts: countClasses(learned.map(({ category }) => category), classes), strength }; // prettier-ignore
}

/** Probabilities `[N, C]` of some videos. */
async function probabilitiesOf(
  dataset: Dataset,
  rows: readonly number[],
  size: number,
  predict: Predict,
): Promise<Float32Array> {
  const parts: Float32Array[] = [];
  for await (const batch of batchesOf(dataset, rows, size)) {
    const probabilities = predict(batch);
    parts.push(probabilities.dataSync<'float32'>().slice());
    probabilities.dispose();
  }
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  parts.reduce((at, part) => (all.set(part, at), at + part.length), 0);
  return all;
}

/** Predicts the held-out splits and writes what was measured in full. */
async function conclude(
  { context, heldOut }: Finetuning,
  predict: Predict,
  judge: Judge,
  classes: readonly string[],
  { train: learned }: Parts,
): Promise<Conclusion> {
  const { folder, config } = context;
  const { batchSize, rareClass } = config.finetune;
  const rare = rareOf(learned, classes, rareClass);
  const predictions = new Map<string, string>();
  const lines: string[] = [];
  for await (const batch of batchesInOrder(heldOut.dataset, batchSize)) {
    const probabilities = predict(batch);
    const values = probabilities.dataSync<'float32'>().slice();
    probabilities.dispose();
    const labels = chooseClasses(values, classes, rare);
    batch.ids.forEach((id, i) => {
      predictions.set(id, labels[i]);
      const row = values.subarray(i * classes.length, (i + 1) * classes.length);
      lines.push(JSON.stringify({ id, probabilities: Array.from(row, (p) => Number(p.toPrecision(6))) }));
    });
  }
  const path = (name: string): string => join(folder, name);
  await writeAtomically(path('result.csv'), writeCategories(predictions));
  await writeAtomically(path('probabilities.jsonl'), `${lines.join('\n')}\n`);
  await writeAtomically(path('scores.json'), `${JSON.stringify((await judge(predict)).details, null, 2)}\n`);
  return {
    made: [
      { path: path('result.csv'), about: `categories of ${counted(predictions.size, 'video')}, as submitted` },
      {
        path: path('probabilities.jsonl'),
        about: `of ${classes.length} categories, in the order of ${CATEGORIES_FILE}`,
      },
      { path: path('scores.json'), about: 'scores, confusion of level 1, every category' },
    ],
    summary: { classes: classes.length, 'labelled videos': learned.length },
  };
}
