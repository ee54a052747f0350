import { chooseThresholds, decideTags, type PlainVideo } from '@wbdc/finetune';
import type { PredictedTags } from '@wbdc/finetune/node';
import { WbdcError } from '@wbdc/io/errors';
import {
  characterOverlaps,
  countedAveragePrecision,
  countedMultilabelF1,
  meanAveragePrecision,
  type CountedStatistic,
  type TableSize,
} from '@wbdc/metrics';
import { counted } from '@wbdc/report/format';
import type { EvaluatedTags, TagEvaluation } from './kinds.js';
import { bootstrapOf, estimateAll, withoutTexts, type EvaluateOptions, type Measurable } from './options.js';
import type { TaggedVideo } from './plain-videos.js';

export interface EvaluateTagsOptions extends Omit<EvaluateOptions, 'train'> {
  readonly models: readonly PredictedTags[];
  /** Tags by id. */
  readonly labels: ReadonlyMap<string, readonly string[]>;
  /** Where they are from. */
  readonly truth: string;
  /** Videos with tags to learn from, for baselines. */
  readonly train?: readonly TaggedVideo[] | undefined;
}

/** Videos to learn from beyond so many choose no thresholds of character overlap. */
const MOST_OVERLAPS = 2000;

/**
 * Measures predicted tags: mean average precision over the tags and over the videos where probabilities are known,
 * micro- and macro-F1 of the chosen ones, with bootstrap intervals, beside tag frequency and character overlap; every
 * model is compared with the first one on the same resamples. Tags are those of the models' lists: one that a model
 * does not know has the probability 0. Videos without any of them say nothing and are left out, as in finetuning.
 *
 * @throws WbdcError where no video of the truth was predicted
 */
export function evaluateTags(options: EvaluateTagsOptions): TagEvaluation {
  const { models, truth, labels } = options;
  const tags = tagsOf(options);
  const { ids, unpredicted } = predictedIds(options, tags);
  const size = { rows: ids.length, columns: tags.length };
  const right = tableOf(
    ids.map((id) => labels.get(id)!),
    tags,
  );
  const tables = models.map((model) => tablesOf(model, ids, tags));
  const official = tables.every(({ scores }) => scores !== undefined) ? 'mAP' : 'micro F1';
  const measured = estimateAll({
    ...options,
    ...{ official, units: ids.length, draw: (counts: ArrayLike<number>) => counts },
    models: models.map(({ name, path }, m): Measurable => ({
      ...{ name, path },
      statistic: statisticOf(right, tables[m], size),
    })),
    baselines: baselinesOf(options, ids, tags, right).map(([name, tables]): Measurable => {
      return { name, statistic: statisticOf(right, tables, size) };
    }),
  });
  return {
    kind: 'tags',
    official,
    truth: { path: truth, measured: ids.length, unpredicted },
    bootstrap: { ...bootstrapOf(options), unit: 'videos' },
    models: models.map((_, m) => ({ ...measured.models[m], tags: scoresOf(right, tables[m].decided, tags) })),
    baselines: measured.baselines,
  };
}

/** What is said of videos, `[N, T]` each. */
interface Tables {
  /** Probabilities, or what orders the videos otherwise. */
  readonly scores?: Float32Array;
  /** 1 where a tag is chosen. */
  readonly decided: ArrayLike<number>;
}

/** The tags that are measured; where a model does not say which it knows, those of the truth too. */
function tagsOf({ models, labels, onWarning }: EvaluateTagsOptions): string[] {
  const lists = models.flatMap(({ probabilities }) => probabilities?.tags ?? []);
  const open = models.filter(({ probabilities }) => probabilities === undefined);
  const said = open.flatMap(({ chosen }) => chosen.flat());
  const right = [...new Set([...labels.values()].flat())].sort();
  const tags = new Set([
    ...lists,
    ...(open.length > 0 ? [...new Set(said)].sort() : []),
    ...(open.length ? right : []),
  ]);
  const unknown = right.filter((tag) => !tags.has(tag)).length;
  if (unknown > 0) onWarning?.(`${counted(unknown, 'tag')} of ${right.length} left out: no model knows them`);
  return [...tags];
}

/** Videos of the truth that have such tags and that every model has predicted. */
function predictedIds({ models, labels, truth, onWarning }: EvaluateTagsOptions, tags: readonly string[]) {
  const tagged = taggedWith(tags, labels);
  const known = models.map(({ ids }) => new Set(ids));
  const ids = tagged.filter((id) => known.every((some) => some.has(id)));
  if (ids.length === 0) {
    throw new WbdcError({
      where: truth,
      expected: 'tags, of those that the models know, of videos that were predicted',
      got: 'none of them',
    });
  }
  const unpredicted = tagged.length - ids.length;
  if (unpredicted > 0) onWarning?.(`${counted(unpredicted, 'video')} of ${tagged.length} left out: not predicted`);
  return { ids, unpredicted };
}

/** The videos that have some of the tags. */
function taggedWith(tags: readonly string[], labels: ReadonlyMap<string, readonly string[]>): string[] {
  const wanted = new Set(tags);
  return [...labels].flatMap(([id, own]) => (own.some((tag) => wanted.has(tag)) ? [id] : []));
}

/** 1 where a video has a tag `[N, T]`. */
function tableOf(own: readonly (readonly string[])[], tags: readonly string[]): Uint8Array {
  const place = new Map(tags.map((tag, k) => [tag, k]));
  const table = new Uint8Array(own.length * tags.length);
  own.forEach((some, row) => {
    for (const tag of some) {
      const k = place.get(tag);
      if (k !== undefined) table[row * tags.length + k] = 1;
    }
  });
  return table;
}

function tablesOf({ ids, chosen, probabilities }: PredictedTags, asked: readonly string[], tags: readonly string[]) {
  const index = new Map(ids.map((id, i) => [id, i]));
  const rows = asked.map((id) => index.get(id)!);
  const decided = tableOf(
    rows.map((row) => chosen[row]),
    tags,
  );
  if (probabilities === undefined) return { decided };
  const { tags: own, values } = probabilities;
  const place = new Map(own.map((tag, k) => [tag, k]));
  const columns = tags.map((tag) => place.get(tag));
  const scores = new Float32Array(rows.length * tags.length);
  rows.forEach((row, i) =>
    columns.forEach((k, to) => {
      if (k !== undefined) scores[i * tags.length + to] = values[row * own.length + k];
    }),
  );
  return { decided, scores };
}

function statisticOf(right: ArrayLike<number>, { scores, decided }: Tables, size: TableSize): CountedStatistic {
  const f1 = countedMultilabelF1(right, decided, size);
  const precision = scores && countedAveragePrecision(right, scores, size);
  return (counts) => {
    const { micro, macro } = f1(counts);
    const both = { 'micro F1': micro, 'macro F1': macro };
    if (precision === undefined) return both;
    const { labels, rows } = precision(counts);
    return { mAP: labels, 'video mAP': rows, ...both };
  };
}

/**
 * What needs no model. Thresholds are chosen on the videos to learn from, as frequencies are counted there; without
 * such on the measured ones themselves, which flatters the baselines.
 */
function baselinesOf(
  { train = [], videos, onWarning }: Pick<EvaluateTagsOptions, 'train' | 'videos' | 'onWarning'>,
  ids: readonly string[],
  tags: readonly string[],
  right: Uint8Array,
): [string, Tables][] {
  const width = tags.length;
  const wanted = new Set(tags);
  const learned = train.filter((video) => video.tags.some((tag) => wanted.has(tag)));
  const own = learned.map((video) => video.tags);
  const known = learned.length === 0 ? right : tableOf(own, tags);
  const rows = known.length / width;
  const frequencies = new Float64Array(width);
  known.forEach((value, i) => (frequencies[i % width] += value / rows));
  const repeated = (times: number) => Float32Array.from({ length: times * width }, (_, i) => frequencies[i % width]);
  const decide = (truth: Uint8Array, learnedBy: Float32Array, scores: Float32Array): Tables => {
    const size = { rows: truth.length / width, columns: width };
    return { scores, decided: decideTags(scores, chooseThresholds(truth, learnedBy, size)) };
  };
  const name = learned.length === 0 ? 'tag frequency of the truth' : 'tag frequency';
  const baselines: [string, Tables][] = [[name, decide(known, repeated(rows), repeated(ids.length))]];
  const asked = ids.map((id) => videos?.get(id));
  const missing = asked.filter((video) => video === undefined).length;
  if (missing > 0) onWarning?.(withoutTexts(missing, ids.length));
  if (asked.every((video) => video !== undefined)) {
    const overlapsOf = (some: readonly PlainVideo[]) =>
      characterOverlaps(
        some.map(({ texts }) => texts),
        tags,
      );
    const overlaps = overlapsOf(asked);
    const some = learned.slice(0, MOST_OVERLAPS);
    const table = known.subarray(0, some.length * width);
    const tables = some.length === 0 ? decide(right, overlaps, overlaps) : decide(table, overlapsOf(some), overlaps);
    baselines.push(['character overlap', tables]);
  }
  return baselines;
}

/** The mean average precision over the tags of what needs no model, by name, on the videos that have some of them. */
export function tagPrecisionWithoutModel(
  options: Pick<EvaluateTagsOptions, 'labels' | 'train' | 'videos' | 'onWarning'>,
  tags: readonly string[],
): Record<string, number> {
  const ids = taggedWith(tags, options.labels);
  const right = tableOf(
    ids.map((id) => options.labels.get(id)!),
    tags,
  );
  const size = { rows: ids.length, columns: tags.length };
  const said = baselinesOf(options, ids, tags, right);
  return Object.fromEntries(said.map(([name, { scores }]) => [name, meanAveragePrecision(right, scores!, size)]));
}

/** Every tag that a video has or is said to have. */
function scoresOf(
  right: ArrayLike<number>,
  decided: ArrayLike<number>,
  tags: readonly string[],
): EvaluatedTags['tags'] {
  const counts = tags.map(() => ({ support: 0, said: 0, hits: 0 }));
  for (let i = 0; i < right.length; i++) {
    const count = counts[i % tags.length];
    count.support += right[i];
    count.said += decided[i];
    count.hits += right[i] * decided[i];
  }
  const share = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);
  return tags.flatMap((label, k) => {
    const { support, said, hits } = counts[k];
    if (support + said === 0) return [];
    const [precision, recall] = [share(hits, said), share(hits, support)];
    return [{ label, precision, recall, f1: share(2 * hits, said + support), support }];
  });
}
