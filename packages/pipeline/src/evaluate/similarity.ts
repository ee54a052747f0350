import type { LabelledPair } from '@wbdc/data';
import { pairCosines } from '@wbdc/ensemble-svd';
import { pairBaselines, rankNormalize } from '@wbdc/finetune';
import type { EnsembleMember } from '@wbdc/finetune/node';
import { WbdcError } from '@wbdc/io/errors';
import { countedSpearman, meanAndSpread } from '@wbdc/metrics';
import { counted } from '@wbdc/report/format';
import type { CosineBin, EvaluatedSimilarity, SimilarityEvaluation } from './kinds.js';
import { bootstrapOf, estimateAll, withoutTexts, type EvaluateOptions, type Measurable } from './options.js';

export interface EvaluateSimilarityOptions extends EvaluateOptions {
  /** Embeddings of the videos. */
  readonly models: readonly EnsembleMember[];
  /** Pairs as people scored them. */
  readonly pairs: readonly LabelledPair[];
  /** Where the pairs are from. */
  readonly truth: string;
}

/**
 * Measures embeddings on scored pairs: Spearman (AIAC's measure) and the squared error of the cosines against the
 * ranks, with bootstrap intervals, beside what letters and frame features alone reach; every model is compared with the
 * first one on the same resamples.
 *
 * @throws WbdcError where no pair is of predicted videos, or all scores are the same
 */
export function evaluateSimilarity(options: EvaluateSimilarityOptions): SimilarityEvaluation {
  const { models, truth, unit = 'videos' } = options;
  const pairs = predictedPairs(options);
  const scores = pairs.map(({ score }) => score);
  const labels = rankNormalize(scores);
  const { units, draw } = unit === 'pairs' ? drawPairs(pairs) : drawVideos(pairs);
  const cosines = models.map(({ rows }) => pairCosines(rows, pairs));
  const baselines = Object.entries(pairsWithoutModel(options, pairs));
  const measured = estimateAll({
    ...options,
    ...{ official: 'spearman', units, draw },
    models: models.map(({ name, path }, m): Measurable => ({
      ...{ name, path },
      statistic: withError(countedSpearman(cosines[m], scores), cosines[m], labels),
    })),
    baselines: baselines.map(([name, values]): Measurable => {
      const spearman = countedSpearman(values, scores);
      return { name, statistic: (counts) => ({ spearman: spearman(counts) }) };
    }),
  });
  return {
    kind: 'similarity',
    official: 'spearman',
    truth: { path: truth, measured: pairs.length, unpredicted: options.pairs.length - pairs.length },
    bootstrap: { ...bootstrapOf(options), unit },
    models: models.map((_, m): EvaluatedSimilarity => ({
      ...measured.models[m],
      reliability: reliabilityOf(cosines[m], labels),
      byScore: byScore(cosines[m], scores),
    })),
    baselines: measured.baselines,
  };
}

function withError(spearman: (counts: ArrayLike<number>) => number, cosines: Float64Array, labels: Float64Array) {
  const squares = cosines.map((cosine, i) => (cosine - labels[i]) ** 2);
  return (counts: ArrayLike<number>) => {
    let [sum, total] = [0, 0];
    for (let i = 0; i < squares.length; i++) {
      sum += counts[i] * squares[i];
      total += counts[i];
    }
    return { spearman: spearman(counts), mse: sum / total };
  };
}

/** Pairs whose two videos every model has. */
function predictedPairs({ models, pairs, truth, onWarning }: EvaluateSimilarityOptions): LabelledPair[] {
  const known = models.map(({ rows }) => new Set(rows.ids));
  const has = (id: string): boolean => known.every((ids) => ids.has(id));
  const kept = pairs.filter(({ id1, id2 }) => has(id1) && has(id2));
  if (kept.length < pairs.length) {
    onWarning?.(
      `${counted(pairs.length - kept.length, 'pair')} of ${pairs.length} left out: no embeddings of their videos`,
    );
  }
  if (kept.length > 0 && kept.some(({ score }) => score !== kept[0].score)) return kept;
  throw new WbdcError({
    where: truth,
    expected: 'scored pairs of videos that were predicted, with scores that differ',
    got: kept.length === 0 ? 'none' : `${kept[0].score} for all ${kept.length}`,
  });
}

/** What pairs score without a model, by name; nothing, which is told, where texts of their videos are not known. */
export function pairsWithoutModel(
  { videos, onWarning }: Pick<EvaluateOptions, 'videos' | 'onWarning'>,
  pairs: readonly LabelledPair[],
): Record<string, Float64Array> {
  const ids = [...new Set(pairs.flatMap(({ id1, id2 }) => [id1, id2]))];
  const known = new Map(ids.flatMap((id) => (videos?.has(id) ? [[id, videos.get(id)!] as const] : [])));
  if (known.size === ids.length) return pairBaselines(known, pairs);
  onWarning?.(withoutTexts(ids.length - known.size, ids.length));
  return {};
}

interface Draw {
  readonly units: number;
  readonly draw: (units: ArrayLike<number>) => ArrayLike<number>;
}

function drawPairs(pairs: readonly LabelledPair[]): Draw {
  return { units: pairs.length, draw: (counts) => counts };
}

/** A pair is there as often as its two videos together: the bootstrap of the nodes of a graph (Snijders 1999). */
function drawVideos(pairs: readonly LabelledPair[]): Draw {
  const index = new Map<string, number>();
  const indexOf = (id: string): number => {
    if (!index.has(id)) index.set(id, index.size);
    return index.get(id)!;
  };
  const left = Uint32Array.from(pairs, ({ id1 }) => indexOf(id1));
  const right = Uint32Array.from(pairs, ({ id2 }) => indexOf(id2));
  const counts = new Float64Array(pairs.length);
  const draw = (videos: ArrayLike<number>): Float64Array => {
    for (let i = 0; i < counts.length; i++) counts[i] = videos[left[i]] * videos[right[i]];
    return counts;
  };
  return { units: index.size, draw };
}

/** Tenths of the pairs, by their cosines. */
function reliabilityOf(cosines: Float64Array, labels: Float64Array): CosineBin[] {
  const order = Uint32Array.from(cosines.keys()).sort((a, b) => cosines[a] - cosines[b]);
  const edges = Array.from({ length: 11 }, (_, i) => Math.round((i * order.length) / 10));
  return edges.slice(1).flatMap((end, bin) => {
    const rows = [...order.subarray(edges[bin], end)];
    if (rows.length === 0) return [];
    const mean = (values: Float64Array): number => rows.reduce((sum, i) => sum + values[i], 0) / rows.length;
    const [from, to] = [cosines[rows[0]], cosines[rows.at(-1)!]];
    return [{ from, to, count: rows.length, cosine: mean(cosines), label: mean(labels) }];
  });
}

/** More values than people choose from are not told one by one. */
const MOST_SCORES = 21;

function byScore(cosines: Float64Array, scores: readonly number[]): EvaluatedSimilarity['byScore'] {
  const step = new Set(scores).size <= MOST_SCORES ? 0 : 1 / (MOST_SCORES - 1);
  const groups = new Map<number, number[]>();
  scores.forEach((score, i) => {
    const at = step === 0 ? score : Math.round(score / step) * step;
    groups.set(at, [...(groups.get(at) ?? []), cosines[i]]);
  });
  return [...groups]
    .sort(([a], [b]) => a - b)
    .map(([score, values]) => {
      const { mean, spread = 0 } = meanAndSpread(values);
      return { score: Number(score.toFixed(3)), count: values.length, cosine: mean, deviation: spread };
    });
}
