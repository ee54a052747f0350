import { WbdcError } from '@wbdc/io/errors';
import { averageRanks, dot, pearson } from '@wbdc/metrics';
import { alignRows, layoutOf, type Embeddings } from './members.js';
import { asEmbeddings, type Member } from './matrix.js';
import { rowLength } from './rows.js';

/** A labelled pair of videos. */
export interface Pair {
  readonly id1: string;
  readonly id2: string;
  readonly score: number;
}

export interface WeightSearch {
  /** One weight for each model, 0 or more, sum 1. */
  weights: number[];
  /** Spearman of the weighted sum of cosines with the scores. */
  spearman: number;
  /** The same with equal weights. */
  equal: number;
  /** The same for each model alone. */
  single: number[];
}

/** Changes of one weight that are tried, coarse to fine; all weights are divided by their sum afterwards. */
const STEPS = [0.4, 0.2, 0.1, 0.05, 0.02, 0.01];

/**
 * Weights whose sum of cosines ranks pairs most like their scores, by coordinate ascent from equal weights: each
 * model's weight is moved up and down by ever finer steps as long as Spearman rises. Deterministic. Use pairs that no
 * model was trained on; on the pairs searched the figure flatters, more so with few pairs. The truncation of the SVD
 * is left out: with all dimensions kept the ensemble's cosine is this sum.
 *
 * @throws when a pair names an unknown id, or scores or cosines are constant, so that there is no Spearman
 */
export function searchWeights(models: readonly Member[], pairs: readonly Pair[]): WeightSearch {
  const members = models.map(asEmbeddings);
  const { names } = layoutOf(members);
  const cosines = cosinesOfAll(members, pairs);
  const ranks = scoreRanks(pairs);
  const rate = (weights: readonly number[]) => pearson(averageRanks(weightedSum(cosines, weights)), ranks);
  const single = names.map((_, m) => rate(names.map((_, k) => (k === m ? 1 : 0))));
  const constant = single.findIndex(Number.isNaN);
  if (constant >= 0) {
    throw new WbdcError(
      `searchWeights: model '${names[constant]}': expected different cosines, got the same for all ` +
        `${pairs.length} pairs. ` +
        'The model has collapsed, or it is the wrong file: leave it out.',
    );
  }
  const { weights, value, equal } = climbWeights(names.length, rate);
  return { weights, spearman: value, equal, single };
}

export interface ClimbedWeights {
  /** One weight for each model, 0 or more, sum 1. */
  readonly weights: number[];
  /** What they are rated. */
  readonly value: number;
  /** The same with equal weights. */
  readonly equal: number;
}

/**
 * Weights of so many models that are rated best, by the coordinate ascent of {@link searchWeights}: for any measure,
 * such as a score of categories. Greater is better.
 */
export function climbWeights(count: number, rate: (weights: readonly number[]) => number): ClimbedWeights {
  const start = Array.from({ length: count }, () => 1 / count);
  const equal = rate(start);
  let best: Rated = { weights: start, value: equal };
  for (const step of STEPS) best = climb(best, step, rate);
  return { ...best, equal };
}

interface Rated {
  weights: number[];
  value: number;
}

/**
 * Tries the step on every weight until none helps; every move taken raises the value by 1e-9 or more, so this ends.
 */
function climb(from: Rated, step: number, rate: (weights: readonly number[]) => number): Rated {
  let best = from;
  for (let improved = true; improved;) {
    improved = false;
    for (let m = 0; m < best.weights.length; m++) {
      for (const change of [step, -step]) {
        const weights = moved(best.weights, m, change);
        if (weights === undefined) continue;
        const value = rate(weights);
        if (!(value > best.value + 1e-9)) continue;
        best = { weights, value };
        improved = true;
      }
    }
  }
  return best;
}

function moved(weights: readonly number[], m: number, change: number): number[] | undefined {
  const result = weights.map((weight, k) => (k === m ? Math.max(0, weight + change) : weight));
  const total = result.reduce((sum, weight) => sum + weight, 0);
  return total > 0 ? result.map((weight) => weight / total) : undefined;
}

function weightedSum(cosines: readonly Float64Array[], weights: readonly number[]): Float64Array {
  const result = new Float64Array(cosines[0].length);
  cosines.forEach((values, m) => {
    for (let p = 0; p < result.length; p++) result[p] += weights[m] * values[p];
  });
  return result;
}

/** Cosine of every pair by every model. */
function cosinesOfAll(members: readonly Embeddings[], pairs: readonly Pair[]): Float64Array[] {
  alignRows(members); // the same ids
  return members.map((member) => pairCosines(member, pairs));
}

/**
 * Cosine of every pair.
 * @throws when a pair names an id that the model has no row of
 */
export function pairCosines(model: Member, pairs: readonly Pick<Pair, 'id1' | 'id2'>[]): Float64Array {
  const member = asEmbeddings(model);
  const rows = new Map(member.ids.map((id, row) => [id, row]));
  const rowOf = (id: string, p: number): number => {
    const row = rows.get(id);
    if (row !== undefined) return row;
    throw new WbdcError(
      `ensemble: pairs[${p}]: expected an id that model '${member.name}' has a row of, got '${id}'. ` +
        'Predict this video too, or leave the pair out.',
    );
  };
  return Float64Array.from(pairs, ({ id1, id2 }, p) => cosine(member, rowOf(id1, p), rowOf(id2, p)));
}

function cosine(member: Embeddings, a: number, b: number): number {
  const { values, width } = member;
  const row = (index: number): Float32Array | Float64Array => values.subarray(index * width, (index + 1) * width);
  return dot(row(a), row(b)) / (rowLength(member, a * width) * rowLength(member, b * width));
}

function scoreRanks(pairs: readonly Pair[]): Float64Array {
  const scores = Float64Array.from(pairs, ({ score }) => score);
  const bad = scores.findIndex((score) => !Number.isFinite(score));
  if (bad >= 0)
    throw new WbdcError(`searchWeights: pairs[${bad}].score: expected a finite number, got ${scores[bad]}.`);
  if (scores.some((score) => score !== scores[0])) return averageRanks(scores);
  throw new WbdcError(
    `searchWeights: expected pairs with different scores, got ${pairs.length} with ${scores[0] ?? 'none'}: ` +
      'Spearman is undefined there. Pass more held-out pairs.',
  );
}
