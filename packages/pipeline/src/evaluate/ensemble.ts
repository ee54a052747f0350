import { join, resolve } from 'node:path';
import { readLabels } from '@wbdc/data';
import { MAX_DIMENSIONS } from '@wbdc/finetune';
import {
  embeddedPairs,
  ensembleOf,
  memberNames,
  readEnsembleMember,
  readTruth,
  writeEnsemble,
  type EnsembleFiles,
  type EnsembleMember,
  type EnsembleOptions,
  type EnsembleResult,
} from '@wbdc/finetune/node';
import { withLock, writeFileAtomic } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';
import { categoryScore, spearman } from '@wbdc/metrics';
import { categoriesWithoutModel } from './categories.js';
import { labelledVideosOf, taggedVideosOf, videosAmong } from './evaluate.js';
import { readPlainVideos } from './plain-videos.js';
import { pairsWithoutModel } from './similarity.js';
import { tagPrecisionWithoutModel } from './tags.js';
import { readEvaluationTruth } from './truth.js';
import { assertMadeOfTheSame, assertUnchanged } from '../contents/predictions.js';
import { dataOf, dataOfFirst, type RunData } from './run-of.js';

export interface EnsembleModelsOptions extends Omit<
  EnsembleOptions,
  'members' | 'pairs' | 'truth' | 'tags' | 'products'
> {
  /** Runs, their finetune folders, or files of predictions. */
  readonly models: readonly string[];
  /** `label.tsv` to measure embeddings on; default: the held-out pairs of the embedded data set. */
  readonly pairs?: string | undefined;
  /** Lines `id,category_id` to measure probabilities on; of tags annotations, or lines `{id, tags}`. */
  readonly truth?: string | undefined;
  /** The folder of one's own data set, whose texts baselines read. */
  readonly data?: string | undefined;
  /** Annotations with the texts of the measured videos; default: those of the data set. */
  readonly texts?: string | undefined;
  /** The folder that the name of a run's data set starts from; the working folder by default. */
  readonly from?: string | undefined;
  /** Chooses who multiplies so many values. */
  readonly productsFor?: ((values: number) => Promise<EnsembleOptions['products']>) | undefined;
  readonly onMessage?: ((line: string) => void) | undefined;
}

/**
 * Joins several models as `ensembleOf` does, and measures what needs no model on the same pairs or videos: characters
 * in common, TF-IDF, nearest frames, the most frequent category.
 *
 * @throws WbdcError where models are of different kinds, videos or classes, a file is none of predictions, or a setting
 *   says nothing to models of their kind
 */
export async function ensembleModels(options: EnsembleModelsOptions): Promise<EnsembleResult> {
  const { models, onMessage } = options;
  await assertMadeOfTheSame(models);
  const names = memberNames(models);
  const members: EnsembleMember[] = [];
  for (const [m, model] of models.entries()) {
    const member = await readEnsembleMember(model, names[m]);
    onMessage?.(`read     ${member.path}: ${member.kind} of ${member.rows.ids.length} videos`);
    members.push(member);
  }
  assertMeant(options, members[0]);
  const found = options.pairs ?? (await firstPairs(models));
  const pairs = found === undefined ? undefined : await readLabels(found);
  const measuredOn = options.truth ?? found;
  if (measuredOn !== undefined) {
    for (const model of models) {
      await assertUnchanged(model, measuredOn, (await dataOf(model, options.data, options.from)).roots, options.from);
    }
  }
  const { truth, tags } = await truthOf(options.truth, members[0]);
  const products = await options.productsFor?.(members.reduce((sum, { rows }) => sum + rows.values.length, 0));
  const result = await ensembleOf({ ...options, members, pairs, truth, tags, products });
  if (result.measure === undefined) return result;
  const has = new Set(members[0].rows.ids);
  const source = { options, data: await dataOfFirst(models, options.data, options.from) };
  return { ...result, baselines: await withoutModel() };

  function withoutModel(): Promise<Record<string, number>> {
    if (result.kind === 'tags') return tagsReached(source, result.classes!, onlyOf(tags!, has));
    if (result.kind === 'probabilities') return categoriesReached(source, onlyOf(truth!, has));
    return pairsReached(
      source,
      pairs!.filter(({ id1, id2 }) => has.has(id1) && has.has(id2)),
    );
  }
}

/** Those of the embedded data set, where a model is a run on it. */
async function firstPairs(models: readonly string[]): Promise<string | undefined> {
  for (const model of models) {
    const found = await embeddedPairs(model);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Refuses what says nothing to models of their kind, which would be passed over in silence. */
function assertMeant(options: EnsembleModelsOptions, { path, kind }: EnsembleMember): void {
  const { pairs, fitted, float16, dimension, truth } = options;
  const got = kind;
  if (dimension !== undefined && dimension > MAX_DIMENSIONS) {
    const most = `at most ${MAX_DIMENSIONS} in a submission`;
    throw new WbdcError({ where: 'dimensions', expected: most, got: String(dimension) });
  }
  if (kind === 'embeddings') {
    const expected = 'probabilities or tags with a truth, as embeddings are measured on pairs';
    if (truth !== undefined) throw new WbdcError({ where: path, expected, got });
    if (fitted === undefined || dimension === undefined) return;
    const own = `no dimensions beside a fitted projection, which has ${fitted.dimension}`;
    throw new WbdcError({ where: 'dimensions', expected: own, got: String(dimension) });
  }
  const only = { pairs, 'a fitted projection': fitted, float16, dimensions: dimension };
  for (const [name, given] of Object.entries(only)) {
    if (given !== undefined) throw new WbdcError({ where: path, expected: `embeddings with ${name}`, got });
  }
}

/** Tags of models of tags, else categories. */
async function truthOf(path: string | undefined, { kind }: EnsembleMember) {
  if (path === undefined) return {};
  if (kind !== 'tags') return { truth: await readTruth(path) };
  const truth = await readEvaluationTruth(path, kind);
  return truth.kind === 'tags' ? { tags: truth.labels } : {};
}

function onlyOf<T>(labels: ReadonlyMap<string, T>, ids: ReadonlySet<string>): Map<string, T> {
  return new Map([...labels].filter(([id]) => ids.has(id)));
}

interface Source {
  readonly options: EnsembleModelsOptions;
  readonly data: RunData;
}

function videosOf({ options: { texts }, data }: Source, ids: ReadonlySet<string>) {
  if (texts === undefined) return videosAmong(data, ids);
  return readPlainVideos({ annotations: texts }, (id) => ids.has(id));
}

async function tagsReached(
  source: Source,
  tags: readonly string[],
  labels: ReadonlyMap<string, readonly string[]>,
): Promise<Record<string, number>> {
  const ids = new Set(labels.keys());
  const [train, videos] = await Promise.all([taggedVideosOf(source.data, ids), videosOf(source, ids)]);
  const { onWarning } = source.options;
  return tagPrecisionWithoutModel({ train, videos, labels, onWarning }, tags);
}

async function pairsReached(
  source: Source,
  pairs: Awaited<ReturnType<typeof readLabels>>,
): Promise<Record<string, number>> {
  const videos = await videosOf(source, new Set(pairs.flatMap(({ id1, id2 }) => [id1, id2])));
  const scores = pairs.map(({ score }) => score);
  const said = Object.entries(pairsWithoutModel({ onWarning: source.options.onWarning, videos }, pairs));
  return Object.fromEntries(said.map(([name, values]) => [name, spearman(values, scores)]));
}

async function categoriesReached(source: Source, labels: ReadonlyMap<string, string>): Promise<Record<string, number>> {
  const [ids, right] = [[...labels.keys()], [...labels.values()]];
  const known = new Set(ids);
  const [train, videos] = await Promise.all([labelledVideosOf(source.data, known), videosOf(source, known)]);
  const said = Object.entries(
    categoriesWithoutModel({ onWarning: source.options.onWarning, train, videos }, ids, right),
  );
  return Object.fromEntries(said.map(([name, chosen]) => [name, categoryScore(right, chosen).mean]));
}

/**
 * Writes what `writeEnsemble` does, and a page: `ensemble.html`.
 *
 * @throws WbdcError `locked` where another process is at it: files of two ensembles would mix
 */
export function writeEnsembleReport(
  folder: string,
  result: EnsembleResult,
): Promise<EnsembleFiles & { readonly page: string }> {
  return withLock(resolve(folder), async () => {
    const files = await writeEnsemble(folder, result);
    const page = join(folder, 'ensemble.html');
    const { ensemblePage } = await import('./ensemble-page.js'); // charts and a DOM, for whoever gets here
    await writeFileAtomic(page, ensemblePage(result));
    return { ...files, page };
  });
}
