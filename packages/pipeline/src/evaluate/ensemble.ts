import { join, resolve } from 'node:path';
import { readLabels } from '@wbdc/data';
import { categoryBaselines, pairBaselines } from '@wbdc/finetune';
import {
  embeddedPairs,
  ensembleOf,
  readEnsembleMember,
  readTruth,
  writeEnsemble,
  type EnsembleFiles,
  type EnsembleMember,
  type EnsembleOptions,
  type EnsembleResult,
} from '@wbdc/finetune/node';
import { withLock, writeFileAtomic } from '@wbdc/io';
import { categoryScore, spearman } from '@wbdc/metrics';
import { labelledVideosOf, taggedVideosOf, videosAmong } from './evaluate.js';
import { tagPrecisionWithoutModel } from './tags.js';
import { readEvaluationTruth } from './truth.js';
import { assertMadeOfTheSame, assertUnchanged } from '../contents/predictions.js';
import { dataOf } from './run-of.js';

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
 * @throws WbdcError where models are of different kinds, videos or classes, or a file is none of predictions
 */
export async function ensembleModels(options: EnsembleModelsOptions): Promise<EnsembleResult> {
  const { models, onMessage } = options;
  await assertMadeOfTheSame(models);
  const members: EnsembleMember[] = [];
  for (const model of models) {
    const member = await readEnsembleMember(model);
    onMessage?.(`read     ${member.path}: ${member.kind} of ${member.rows.ids.length} videos`);
    members.push(member);
  }
  const found = options.pairs ?? (await embeddedPairs(models[0]));
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
  return { ...result, baselines: await withoutModel() };

  function withoutModel(): Promise<Record<string, number>> {
    if (result.kind === 'tags') return tagsWithoutModel(options, result.classes!, onlyOf(tags!, has));
    if (result.kind === 'probabilities') return categoriesWithoutModel(options, onlyOf(truth!, has));
    return pairsWithoutModel(
      options,
      pairs!.filter(({ id1, id2 }) => has.has(id1) && has.has(id2)),
    );
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

async function tagsWithoutModel(
  { models, data, from }: EnsembleModelsOptions,
  tags: readonly string[],
  labels: ReadonlyMap<string, readonly string[]>,
): Promise<Record<string, number>> {
  const known = await dataOf(models[0], data, from);
  const ids = new Set(labels.keys());
  const [train, videos] = await Promise.all([taggedVideosOf(known, ids), videosAmong(known, ids)]);
  return train.length === 0 ? {} : tagPrecisionWithoutModel({ train, videos, labels }, tags);
}

async function pairsWithoutModel(
  { models, data, from }: EnsembleModelsOptions,
  pairs: Awaited<ReturnType<typeof readLabels>>,
): Promise<Record<string, number>> {
  const ids = new Set(pairs.flatMap(({ id1, id2 }) => [id1, id2]));
  const videos = await videosAmong(await dataOf(models[0], data, from), ids);
  if (videos.size < ids.size) return {};
  const scores = pairs.map(({ score }) => score);
  const said = Object.entries(pairBaselines(videos, pairs));
  return Object.fromEntries(said.map(([name, values]) => [name, spearman(values, scores)]));
}

async function categoriesWithoutModel(
  { models, data, from }: EnsembleModelsOptions,
  labels: ReadonlyMap<string, string>,
): Promise<Record<string, number>> {
  const ids = new Set(labels.keys());
  const known = await dataOf(models[0], data, from);
  const train = await labelledVideosOf(known, ids);
  if (train.length === 0) return {};
  const videos = await videosAmong(known, ids);
  const asked = [...labels.keys()].map((id) => videos.get(id) ?? { title: '', texts: '' });
  const said = Object.entries(categoryBaselines(train, asked));
  return Object.fromEntries(said.map(([name, chosen]) => [name, categoryScore([...labels.values()], chosen).mean]));
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
