import { join } from 'node:path';
import {
  climbWeights,
  combineProbabilities,
  fit,
  pairCosines,
  RankError,
  searchWeights,
  transform,
  type Embeddings,
  type ProbabilityEnsemble,
  type Products,
  type SvdEnsemble,
} from '@wbdc/ensemble-svd';
import { save } from '@wbdc/ensemble-svd/node';
import type { LabelledPair } from '@wbdc/data';
import { makeFolder, writeFileAtomic, writeJson } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';
import { categoryScore, pearson, spearman } from '@wbdc/metrics';
import { decodeFloat16, encodeFloat16, foldIn, randomInt, randomKey } from '@wbdc/nn';
import { writeCategories } from '../submission.js';
import { rowsById, writeEmbeddingFile } from './embeddings.js';
import type { EnsembleMember } from './ensemble-member.js';
import { finetuneFiles } from './files.js';
import { writeClasses } from './labels.js';
import { writeProbabilities } from './probabilities.js';
import { judgeByTags, meanThresholds, writeTagEnsemble } from './tag-ensemble.js';

export interface EnsembleOptions {
  /** All of embeddings, of probabilities, or of tags, for the same videos. */
  readonly members: readonly EnsembleMember[];
  /** One a model; `search` finds those that score best, which flatters the score. Default: equal. */
  readonly weights?: readonly number[] | 'search' | undefined;
  /** Of joined embeddings, 256 as AIAC allows; fewer where the videos span fewer. */
  readonly dimension?: number | undefined;
  /** Joins embeddings by a projection that was fitted before, with its weights, in place of fitting one. */
  readonly fitted?: SvdEnsemble | undefined;
  /** Labelled pairs to measure embeddings on; those of other videos are left out. */
  readonly pairs?: readonly LabelledPair[] | undefined;
  /** Categories by id to measure probabilities on. */
  readonly truth?: ReadonlyMap<string, string> | undefined;
  /** Tags by id to measure those of models of tags on. */
  readonly tags?: ReadonlyMap<string, readonly string[]> | undefined;
  /** Joined embeddings are rounded to float16, as the winners stored theirs; what is measured is that. */
  readonly float16?: boolean | undefined;
  /** Who multiplies. */
  readonly products?: Products | undefined;
  readonly onWarning?: ((line: string) => void) | undefined;
}

export interface EnsembleResult {
  readonly kind: EnsembleMember['kind'];
  /** Spearman of pairs, WBDC's score, or tags' mean average precision; nothing without something to measure on. */
  readonly measure?: 'Spearman' | 'score' | 'mAP';
  readonly weights: readonly number[];
  /** Of each model alone. */
  readonly singles: readonly { readonly name: string; readonly score?: number }[];
  /**
   * `[M][M]`: of the models' cosines of the same pairs (Spearman), or of their probabilities (Pearson). Models that
   * differ gain more by each other.
   */
  readonly correlations: readonly (readonly number[])[];
  /** Of the first n models together; the last is the ensemble. A saved projection is of all alone. */
  readonly growth: readonly { readonly models: number; readonly score?: number }[];
  /** What is reached without a model on the same pairs or videos, by name, where somebody has measured it. */
  readonly baselines?: Readonly<Record<string, number>>;
  /** Embeddings, or probabilities. */
  readonly rows: Embeddings;
  /** Of embeddings. */
  readonly projection?: SvdEnsemble;
  /** Of probabilities, where they are known; of tags these. */
  readonly classes?: readonly string[];
  /** Of tags: the weighted mean of the models' own, which no video chose for the ensemble. */
  readonly thresholds?: readonly number[];
}

/**
 * Joins the embeddings of several models by weighted concatenation and SVD (AIAC 2021, rank 1), or takes the weighted
 * mean of their probabilities (WBDC 2022, rank 8: 1, 1, 0.7, 1), of tags each by itself, and measures each alone and
 * the first n together.
 *
 * @throws WbdcError where models are of different kinds, videos or classes, or there is nothing to search weights on
 */
export async function ensembleOf(options: EnsembleOptions): Promise<EnsembleResult> {
  const [first] = options.members;
  assertWeights(options);
  const other = options.members.find(({ kind }) => kind !== first.kind);
  if (other)
    throw new WbdcError({ where: other.path, expected: `${first.kind}, as of ${first.name}`, got: other.kind });
  return first.kind === 'embeddings' ? joinEmbeddings(options) : meanProbabilities(options);
}

/** Given ones; those that are searched for are as they should be. */
function assertWeights({ weights, members }: EnsembleOptions): void {
  if (weights === undefined || weights === 'search') return;
  const usable = weights.every((weight) => weight >= 0 && weight < Infinity) && weights.some((weight) => weight > 0);
  if (usable && weights.length === members.length) return;
  const expected = `${members.length} numbers from 0 up, one a model, not all of them 0`;
  throw new WbdcError({ where: 'weights', expected, got: weights.join(', ').slice(0, 100) || 'none' });
}

async function joinEmbeddings(options: EnsembleOptions): Promise<EnsembleResult> {
  const { members, fitted } = options;
  const rows = members.map((member) => member.rows);
  const pairs = knownPairs(options, rows[0]);
  const scores = pairs.map(({ score }) => score);
  const rate = (one: Embeddings): number => spearman(pairCosines(one, pairs), scores);
  const measurable = pairs.length > 0;
  const weights = fitted ? fitted.weights : embeddingWeights(options, rows, pairs);
  const growth: { models: number; score?: number }[] = [];
  let joined: Joined | undefined;
  for (let models = fitted || !measurable ? rows.length : 1; models <= rows.length; models++) {
    const some = weights.slice(0, models);
    if (some.every((weight) => weight === 0)) continue;
    joined = await joinRows(rows.slice(0, models), some, { ...options, quiet: models < rows.length });
    growth.push({ models, ...(measurable && { score: rate(joined.rows) }) });
  }
  const sampled = measurable ? pairs : samplePairs(rows[0].ids);
  const cosines = rows.map((one) => pairCosines(one, sampled));
  return {
    kind: 'embeddings',
    ...(measurable && { measure: 'Spearman' as const }),
    weights,
    singles: members.map(({ name }, m) => ({ name, ...(measurable && { score: rate(rows[m]) }) })),
    correlations: correlate(cosines, spearman),
    growth,
    rows: joined!.rows,
    projection: joined!.projection,
  };
}

/** Pairs of videos that are there, with scores that differ. */
function knownPairs({ pairs = [], onWarning }: EnsembleOptions, { ids }: Embeddings): LabelledPair[] {
  const known = new Set(ids);
  const found = pairs.filter(({ id1, id2 }) => known.has(id1) && known.has(id2));
  if (found.length < pairs.length) onWarning?.(`${pairs.length - found.length} pairs of other videos are left out`);
  if (found.length === 0 || found.some(({ score }) => score !== found[0].score)) return found;
  onWarning?.(`all ${found.length} pairs have the score ${found[0].score}: nothing is measured on them`);
  return [];
}

function embeddingWeights(
  { weights }: EnsembleOptions,
  rows: readonly Embeddings[],
  pairs: readonly LabelledPair[],
): readonly number[] {
  if (weights !== 'search') return weights ?? rows.map(() => 1 / rows.length);
  if (pairs.length > 0) return searchWeights(rows, pairs).weights;
  throw new WbdcError({ where: 'weights', expected: 'labelled pairs to search them on', got: 'none' });
}

interface Joined {
  readonly rows: Embeddings;
  readonly projection: SvdEnsemble;
}

/** Fits and applies a projection, or applies the one that is given. */
async function joinRows(
  rows: readonly Embeddings[],
  weights: readonly number[],
  options: Pick<EnsembleOptions, 'dimension' | 'fitted' | 'float16' | 'products' | 'onWarning'> & {
    readonly quiet?: boolean;
  },
): Promise<Joined> {
  const { fitted, products, quiet = false, onWarning } = options;
  const multiplying = products ? { products } : {};
  const project = async (by: SvdEnsemble): Promise<Embeddings> => {
    const joined = await transform(by, rows, multiplying);
    return options.float16
      ? { ...joined, values: decodeFloat16(encodeFloat16(Float32Array.from(joined.values))) }
      : joined;
  };
  if (fitted) return { rows: await project(fitted), projection: fitted };
  const widest = rows.reduce((sum, { width }) => sum + width, 0);
  const dimension = Math.min(options.dimension ?? 256, widest);
  try {
    const projection = await fit(rows, { dimension, weights, ...multiplying });
    return { rows: await project(projection), projection };
  } catch (error) {
    if (!(error instanceof RankError) || error.rank === 0) throw error;
    if (!quiet) onWarning?.(`the embeddings span ${error.rank} of ${dimension} dimensions: joined to that width`);
    return joinRows(rows, weights, { ...options, dimension: error.rank });
  }
}

/** Where nothing is labelled: pairs to compare models on. */
function samplePairs(ids: readonly string[], count = 10_000): { id1: string; id2: string }[] {
  const key = randomKey(0);
  return Array.from({ length: Math.min(count, ids.length * (ids.length - 1)) }, (_, i) => {
    const first = randomInt(key, i, ids.length);
    const second = (first + 1 + randomInt(foldIn(key, 'other'), i, ids.length - 1)) % ids.length;
    return { id1: ids[first], id2: ids[second] };
  });
}

function meanProbabilities(options: EnsembleOptions): EnsembleResult {
  const { members, truth, weights } = options;
  const rows = members.map((member) => member.rows);
  const classes = sameClasses(members);
  const independent = members[0].kind === 'tags';
  const combine = (some: readonly Embeddings[], by?: readonly number[]) =>
    combineProbabilities(some, by, { independent });
  const judge = judgeOf(options, classes);
  const known = independent ? options.tags : truth;
  if (known && !judge) options.onWarning?.('the classes of the models, or the truth of their videos, are not known');
  if (known && judge) tellUnpredicted(known, rows[0].ids, options);
  const rate = (some: readonly Embeddings[], by?: readonly number[]): number => judge!(combine(some, by));
  const chosen = probabilityWeights(weights, rows, judge && ((by) => rate(rows, by)));
  const scored = <T extends object>(value: T, some: readonly Embeddings[], by?: readonly number[]) =>
    judge ? { ...value, score: rate(some, by) } : value;
  const firsts = rows.map((_, n) => chosen.slice(0, n + 1));
  return {
    kind: members[0].kind,
    ...(judge && { measure: independent ? ('mAP' as const) : ('score' as const) }),
    weights: chosen,
    singles: members.map(({ name }, m) => scored({ name }, ...alone(rows, m))),
    correlations: correlate(
      rows.map((_, m) => combine(...alone(rows, m)).values),
      pearson,
    ),
    growth: firsts
      .map((some, n) => ({ models: n + 1, some }))
      .filter(({ some, models }) => (judge || models === rows.length) && some.some((weight) => weight > 0))
      .map(({ models, some }) => scored({ models }, rows.slice(0, models), some)),
    rows: { name: 'ensemble', ...combine(rows, chosen) },
    ...(classes && { classes }),
    ...(independent && { thresholds: meanThresholds(members, chosen) }),
  };
}

function tellUnpredicted(known: ReadonlyMap<string, unknown>, ids: readonly string[], options: EnsembleOptions): void {
  const predicted = new Set(ids);
  const left = [...known.keys()].filter((id) => !predicted.has(id)).length;
  if (left > 0) options.onWarning?.(`${left} of ${known.size} videos of the truth are left out: not predicted`);
}

/** What measures an ensemble, where there is something to measure it on. */
function judgeOf({ members, truth, tags }: EnsembleOptions, classes: readonly string[] | undefined) {
  if (classes === undefined) return undefined;
  const [{ kind, rows }] = members;
  if (kind === 'tags') return tags && judgeByTags(classes, tags, rows.ids);
  return truth && judgeBy(classes, truth, rows.ids);
}

/** One model, in the order of the first one's videos, which it stands behind with all the weight. */
function alone(rows: readonly Embeddings[], m: number): [readonly Embeddings[], readonly number[]] {
  return m === 0
    ? [[rows[0]], [1]]
    : [
        [rows[0], rows[m]],
        [0, 1],
      ];
}

function probabilityWeights(
  weights: EnsembleOptions['weights'],
  rows: readonly Embeddings[],
  rate: ((weights: readonly number[]) => number) | undefined,
): readonly number[] {
  if (weights !== 'search') return weights ?? rows.map(() => 1 / rows.length);
  if (rate) return climbWeights(rows.length, rate).weights;
  throw new WbdcError({ where: 'weights', expected: 'known categories or tags to search them on', got: 'none' });
}

/** The classes of the models that name them. */
function sameClasses(members: readonly EnsembleMember[]): readonly string[] | undefined {
  const named = members.filter(({ classes }) => classes !== undefined);
  const [first] = named;
  const other = named.find(({ classes }) => classes!.join() !== first.classes!.join());
  if (other === undefined) return first?.classes;
  const own = new Set(other.classes);
  const missing = first.classes!.find((name) => !own.has(name));
  const same = missing === undefined && own.size === first.classes!.length;
  const got = same
    ? 'them in another order'
    : `${own.size} others${missing === undefined ? '' : `, without ${missing}`}`;
  throw new WbdcError({ where: other.path, expected: `the ${first.classes!.length} classes of ${first.name}`, got });
}

/** WBDC's score of chosen classes on the videos whose category is known. */
function judgeBy(classes: readonly string[], truth: ReadonlyMap<string, string>, ids: readonly string[]) {
  const known = [...ids.keys()].filter((row) => truth.has(ids[row]));
  if (known.length === 0) return undefined;
  const right = known.map((row) => truth.get(ids[row])!);
  return ({ labels }: Pick<ProbabilityEnsemble, 'labels'>): number =>
    categoryScore(
      right,
      known.map((row) => classes[labels[row]]),
    ).mean;
}

function correlate(
  values: readonly Float64Array[],
  measure: (a: ArrayLike<number>, b: ArrayLike<number>) => number,
): number[][] {
  return values.map((a, i) => values.map((b, j) => (i === j ? 1 : measure(a, b))));
}

/** Paths of what an ensemble leaves. */
export interface EnsembleFiles {
  /** As submitted: `result.zip` or `result.csv`; of tags `tags.jsonl`. */
  readonly submission?: string;
  /** `probabilities.jsonl`, or `tag-probabilities.jsonl` */
  readonly probabilities?: string;
  /** The projection, for other videos: `ensemble.safetensors`. */
  readonly projection?: string;
  /** Weights and measurements: `ensemble.json`. */
  readonly report: string;
}

/** Writes the submission, the projection and what was measured. */
export async function writeEnsemble(folder: string, result: EnsembleResult): Promise<EnsembleFiles> {
  const { rows, projection, classes, thresholds, ...told } = result;
  await makeFolder(folder);
  const report = join(folder, 'ensemble.json');
  await writeJson(report, told);
  const files = finetuneFiles(folder);
  if (projection) {
    const path = join(folder, 'ensemble.safetensors');
    await save(projection, path);
    await writeEmbeddingFile(files.embeddings, rowsById(rows));
    return { report, submission: files.embeddings, projection: path };
  }
  if (thresholds) {
    const { tags, tagProbabilities } = await writeTagEnsemble(folder, rows, classes!, thresholds);
    return { report, probabilities: tagProbabilities, submission: tags };
  }
  await writeProbabilities(files.probabilities, [{ ids: [...rows.ids], values: Float32Array.from(rows.values) }]);
  if (classes === undefined) return { report, probabilities: files.probabilities };
  await writeClasses(files.classes, classes);
  const { labels } = combineProbabilities([rows]);
  const predicted = new Map(rows.ids.map((id, row) => [id, classes[labels[row]]]));
  await writeFileAtomic(files.categories, writeCategories(predicted));
  return { report, probabilities: files.probabilities, submission: files.categories };
}
