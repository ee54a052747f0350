import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { openAiacIndex, openFeatureStore, wbdcLayout, type FeatureSource, type Recipe } from '@wbdc/data';
import type { PlainLabelled, PlainVideo } from '@wbdc/finetune';
import {
  memberNames,
  readPredictions,
  type PredictedCategories,
  type PredictedTags,
  type Predictions,
} from '@wbdc/finetune/node';
import { WbdcError } from '@wbdc/io/errors';
import { level1 } from '@wbdc/metrics';
import { readCategoryNames } from '../trained/category-names.js';
import { filesInFolder } from '../trained/node/folder-files.js';
import type { TrainedModel } from '../trained/trained-model.js';
import { fingerprintOf } from '../contents/changes.js';
import { evaluateCategories } from './categories.js';
import type { CategoryEvaluation, Evaluation } from './kinds.js';
import type { EvaluateOptions } from './options.js';
import { labelledOf, readPlainVideos, taggedOf, type TaggedVideo } from './plain-videos.js';
import { predictSplit } from './predict-split.js';
import { assertUnchanged } from '../contents/predictions.js';
import { dataOfFirst, firstThere, splitPaths, type RunData } from './run-of.js';
import { evaluateSimilarity } from './similarity.js';
import { evaluateTags } from './tags.js';
import { findTruth, readEvaluationTruth, type Truth } from './truth.js';

export interface EvaluateModelsOptions extends Omit<EvaluateOptions, 'videos' | 'train'> {
  /** Runs, files of predictions, or what `openModel` opens. */
  readonly models: readonly string[];
  /** A file of categories, tags or scored pairs, or a split of the first run's data. */
  readonly truth: string;
  /** The folder of one's own data set, where the truth is a split of it. */
  readonly data?: string | undefined;
  /** The folder that the name of a run's data set starts from; the working folder by default. */
  readonly from?: string | undefined;
  /** Annotations with the texts of the measured videos; default: those of the split. */
  readonly texts?: string | undefined;
  /** Opens a model to predict a split that nothing is known of yet; without it only predictions are read. */
  readonly openModel?: ((path: string) => Promise<TrainedModel>) | undefined;
  readonly onMessage?: ((line: string) => void) | undefined;
}

/** Labelled videos beyond so many are not looked at for neighbours. */
const MOST_NEIGHBOURS = 20_000;

/**
 * Measures models on a truth, with confidence intervals, beside baselines, each against the first: what
 * `wbdc evaluate` prints.
 *
 * @throws WbdcError where predictions and truth are of different kinds, or nothing is predicted
 */
export async function evaluateModels(options: EvaluateModelsOptions): Promise<Evaluation> {
  const data = await dataOfFirst(options.models, options.data, options.from);
  const names = memberNames(options.models);
  const predictions: Predictions[] = [];
  for (const [m, path] of options.models.entries()) {
    const one = await predictionsOf({ path, name: names[m], first: predictions[0] }, data, options);
    predictions.push(one);
    options.onMessage?.(`read     ${one.path}: ${one.kind} of ${idsOf(one).length} videos`);
  }
  const [first] = predictions;
  predictions.forEach((one) => assertKind(one, first));
  const truth = await readEvaluationTruth(await findTruth(options.truth, first.kind, data), first.kind);
  options.onMessage?.(`truth    ${truth.path}`);
  const ids = videosIn(truth);
  const videos = await videosOf(options, data, ids);
  const shared = { ...options, truth: truth.path, videos };
  if (truth.kind === 'embeddings') {
    const models = predictions.filter((one) => one.kind === 'embeddings');
    return evaluateSimilarity({ ...shared, models, pairs: truth.pairs });
  }
  if (truth.kind === 'tags') {
    const models = predictions.filter((one): one is PredictedTags => one.kind === 'tags');
    const train = await taggedVideosOf(data, ids);
    return evaluateTags({ ...shared, models, labels: truth.labels, train });
  }
  const models = predictions.filter((one): one is PredictedCategories => one.kind === 'categories');
  const train = await labelledVideosOf(data, ids);
  return named(evaluateCategories({ ...shared, models, labels: truth.labels, train }), data);
}

function videosIn(truth: Truth): Set<string> {
  if (truth.kind === 'embeddings') return new Set(truth.pairs.flatMap(({ id1, id2 }) => [id1, id2]));
  return new Set(truth.labels.keys());
}

/** With the names that the data set has for its categories. */
async function named(evaluation: CategoryEvaluation, { roots }: RunData): Promise<CategoryEvaluation> {
  const path = await firstThere(roots.map((root) => wbdcLayout(root).categories));
  if (path === undefined) return evaluation;
  const nameOf = await readCategoryNames(filesInFolder(dirname(path)));
  const fine = evaluation.models.flatMap(({ classes }) => classes.map(({ label }) => label));
  const names = [...new Set([...fine, ...fine.map(level1)])].flatMap((label) => {
    const name = nameOf(label);
    return name === undefined ? [] : [[label, name] as const];
  });
  return { ...evaluation, names: Object.fromEntries(names) };
}

function idsOf(one: Predictions): readonly string[] {
  return one.kind === 'embeddings' ? one.rows.ids : one.ids;
}

function assertKind({ path, kind }: Predictions, first: Predictions | undefined): void {
  if (first === undefined || kind === first.kind) return;
  throw new WbdcError({ where: path, expected: `${first.kind}, as of ${first.name}`, got: kind });
}

interface Model {
  readonly path: string;
  readonly name: string;
  /** What the first model says. */
  readonly first: Predictions | undefined;
}

/** What is stored of a model, or what it says of the split now. */
async function predictionsOf(
  { path, name, first }: Model,
  data: RunData,
  { truth, openModel, onMessage, signal, from }: EvaluateModelsOptions,
): Promise<Predictions> {
  const stored = await readPredictions(path, name).catch((error: unknown) => {
    if (openModel === undefined || !(error instanceof WbdcError && error.code === 'predictions-missing')) throw error;
    return undefined;
  });
  if (stored !== undefined) assertKind(stored, first); // before the truth is read as of its kind
  if (openModel === undefined || (stored !== undefined && (await knowsSome(stored, truth, data)))) {
    await assertUnchanged(path, truth, data.roots, from);
    return stored!;
  }
  const paths = splitPaths(data, truth);
  const annotations = await firstThere(paths.annotations);
  if (annotations === undefined) {
    if (stored !== undefined) return stored;
    throw new WbdcError({
      where: path,
      expected: `predictions, or the annotations of a split called ${truth} to predict`,
      got: 'neither',
    });
  }
  onMessage?.(`predicts ${annotations} with ${path}`);
  const features = await openFeatures(data, truth);
  const root = data.roots.find((one) => annotations.startsWith(join(one, 'annotations'))) ?? dirname(annotations);
  const model = await openModel(path);
  try {
    // Of another tower they say nothing to this model, which then reads the frames through its own.
    const own = features !== undefined && fitsFeatures(model.saved.features, features.recipe) ? features : undefined;
    if (features !== undefined && own === undefined)
      onMessage?.('the stored features are of another tower: reads frames');
    const { frames } = data;
    return await predictSplit({ model, name, annotations, features: own, root, frames, split: truth, signal });
  } finally {
    await Promise.all([model.close(), features?.close()]);
  }
}

/** Whether stored predictions are of videos that the truth names. */
async function knowsSome(stored: Predictions, named: string, data: RunData): Promise<boolean> {
  const truth = await readEvaluationTruth(await findTruth(named, stored.kind, data), stored.kind);
  const ids = new Set(idsOf(stored));
  if (truth.kind !== 'embeddings') return [...truth.labels.keys()].some((id) => ids.has(id));
  return truth.pairs.some(({ id1, id2 }) => ids.has(id1) && ids.has(id2));
}

/** Whether features were made as those that a model learned from, where both say how. */
function fitsFeatures(learned: Recipe | null, stored: Recipe | undefined): boolean {
  return learned === null || stored === undefined || fingerprintOf(learned) === fingerprintOf(stored);
}

type StoredFeatures = FeatureSource & { readonly recipe?: Recipe };

/** Stored features of a split, where a run has them. */
export async function openFeatures(data: RunData, split: string): Promise<StoredFeatures | undefined> {
  const { stores, records } = splitPaths(data, split);
  const store = await firstThere(stores);
  if (store !== undefined) return openFeatureStore(store);
  const index = await firstThere(records);
  return index === undefined ? undefined : openAiacIndex(index);
}

/** Videos of a data set as they are, from the splits that hold them; those that no split has are missing. */
export async function videosAmong(data: RunData, ids: ReadonlySet<string>): Promise<Map<string, PlainVideo>> {
  const found = new Map<string, PlainVideo>();
  for (const split of await splitsIn(data)) {
    if (found.size === ids.size) break;
    const annotations = await firstThere(splitPaths(data, split).annotations);
    const features = await openFeatures(data, split);
    try {
      const wanted = (id: string): boolean => ids.has(id) && !found.has(id);
      for (const [id, video] of await readPlainVideos({ annotations: annotations!, features }, wanted)) {
        found.set(id, video);
      }
    } finally {
      await features?.close();
    }
  }
  return found;
}

/** The splits that have annotations, those of tests first: they are what is predicted. */
async function splitsIn({ roots }: RunData): Promise<string[]> {
  const lists = await Promise.all(
    roots.map((root) => readdir(dirname(wbdcLayout(root).annotations('any'))).catch(() => [])),
  );
  const names = [...new Set(lists.flat())].filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -5));
  const rank = (name: string): number => Number(!name.startsWith('test'));
  return names.sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

/** The measured videos as they are; nothing where their texts are not known. */
async function videosOf(
  { truth, texts }: EvaluateModelsOptions,
  data: RunData,
  ids: ReadonlySet<string>,
): Promise<ReadonlyMap<string, PlainVideo> | undefined> {
  const annotations = texts ?? (await firstThere(splitPaths(data, truth).annotations));
  if (annotations === undefined) {
    const found = await videosAmong(data, ids);
    return found.size === 0 ? undefined : found;
  }
  const features = await openFeatures(data, truth);
  try {
    return await readPlainVideos({ annotations, features }, (id) => ids.has(id));
  } finally {
    await features?.close();
  }
}

/** Videos with a category that the run learned from, without those that are measured. */
export function labelledVideosOf(data: RunData, measured: ReadonlySet<string>): Promise<PlainLabelled[]> {
  return knownVideosOf(data, measured, labelledOf);
}

/** The same with tags. */
export function taggedVideosOf(data: RunData, measured: ReadonlySet<string>): Promise<TaggedVideo[]> {
  return knownVideosOf(data, measured, taggedOf);
}

async function knownVideosOf<T>(
  data: RunData,
  measured: ReadonlySet<string>,
  choose: (videos: Awaited<ReturnType<typeof readPlainVideos>>, most: number) => readonly T[],
): Promise<T[]> {
  const found: T[] = [];
  for (const split of data.labelled) {
    const annotations = await firstThere(splitPaths(data, split).annotations);
    if (annotations === undefined) continue;
    const features = await openFeatures(data, split);
    try {
      const videos = await readPlainVideos({ annotations, features }, (id) => !measured.has(id));
      found.push(...choose(videos, MOST_NEIGHBOURS));
    } finally {
      await features?.close();
    }
  }
  return found;
}
