import { fitTransform, pairCosines, RankError, type Embeddings } from '@wbdc/ensemble-svd';
import type { LabelledPair } from '@wbdc/data';
import { exists, writeFileAtomic } from '@wbdc/io';
import { besideBaselines, meanAndSpread, spearman, type Measured } from '@wbdc/metrics';
import { readEmbeddingFile, rowsById, writeEmbeddingFile } from './embeddings.js';
import { finetuneFiles } from './files.js';
import { readOutOfFoldPairs, type OutOfFoldPair } from './out-of-fold.js';
import { readSimilarityScores, writeSimilarityScores } from './scores.js';

export interface CombineSimilarityOptions {
  /** Folders of the folds' models, each as a finetuning left it. */
  readonly folds: readonly string[];
  /** Where the same files of them together go. */
  readonly folder: string;
  /** Pairs of the held-out videos, where their labels are known. */
  readonly pairs?: readonly LabelledPair[];
  /** Spearman on them of what needs no model, by name. */
  readonly baselines?: Readonly<Record<string, number>>;
  readonly onWarning?: (line: string) => void;
}

export interface CombinedSimilarity {
  /**
   * Spearman of every fold by the model that knows neither video of a pair; NaN where a fold has no pairs that differ.
   */
  readonly folds: readonly number[];
  /** Mean of those that are numbers. */
  readonly outOfFold: number;
  /** That, beside what needs no model: the mean of the folds too. */
  readonly measured: Measured;
  /** Of the joined embeddings on held-out pairs; nothing without such. */
  readonly heldOut: number | undefined;
  /** Held-out videos. */
  readonly videos: number;
}

/** Gathers out-of-fold cosines and joins the folds' embeddings of the held-out videos by SVD. */
export async function combineSimilarityFolds(options: CombineSimilarityOptions): Promise<CombinedSimilarity> {
  const { folder, pairs = [], baselines = {}, onWarning } = options;
  const files = finetuneFiles(folder);
  const members = options.folds.map(finetuneFiles);
  const rows = await Promise.all(members.map(({ outOfFold }) => pairsOf(outOfFold)));
  await writeFileAtomic(
    files.outOfFold,
    rows
      .flat()
      .map((row) => `${JSON.stringify(row)}\n`)
      .join(''),
  );
  const folds = rows.map(spearmanOf);
  const numbers = folds.filter(Number.isFinite);
  const outOfFold = numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
  const outOfFoldBaselines = await meanBaselines(members.map(({ scores }) => scores));
  const embeddings = await joined(
    await Promise.all(members.map((member, fold) => readEmbeddingFile(member.embeddings, `fold ${fold}`))),
    onWarning,
  );
  await writeEmbeddingFile(files.embeddings, rowsById(embeddings));
  const heldOut = spearmanOfHeldOut(embeddings, pairs);
  await writeSimilarityScores(files.scores, {
    outOfFold: { spearman: outOfFold, folds, ...(outOfFoldBaselines && { baselines: outOfFoldBaselines }) },
    ...(heldOut !== undefined && { spearman: besideBaselines(heldOut, baselines) }),
  });
  const measured = besideBaselines(outOfFold, outOfFoldBaselines ?? {});
  return { folds, outOfFold, measured, heldOut, videos: embeddings.ids.length };
}

/** Means over the folds of what needs no model on their validation pairs; nothing where no fold tells any. */
async function meanBaselines(paths: readonly string[]): Promise<Record<string, number> | undefined> {
  const sums: Record<string, number[]> = {};
  for (const path of paths) {
    if (!(await exists(path))) continue;
    const { 'validation/spearman': measured } = await readSimilarityScores(path);
    for (const [name, value] of Object.entries(measured?.baselines ?? {})) (sums[name] ??= []).push(value);
  }
  const means = Object.entries(sums).map(([name, values]) => [name, meanAndSpread(values).mean] as const);
  return means.length === 0 ? undefined : Object.fromEntries(means);
}

/** A fold that has no pairs, or those of one score, writes no file. */
async function pairsOf(path: string): Promise<OutOfFoldPair[]> {
  const rows: OutOfFoldPair[] = [];
  if (await exists(path)) for await (const row of readOutOfFoldPairs(path)) rows.push(row);
  return rows;
}

/** As wide as one of them; where few videos span less, as wide as that, which loses nothing. */
async function joined(
  members: readonly Embeddings[],
  onWarning: ((line: string) => void) | undefined,
  dimension = members[0].width,
): Promise<Embeddings> {
  try {
    return (await fitTransform(members, { dimension })).embeddings;
  } catch (error) {
    if (!(error instanceof RankError) || error.rank === 0) throw error;
    onWarning?.(`the held-out embeddings span ${error.rank} of ${dimension} dimensions: joined to that width`);
    return joined(members, onWarning, error.rank);
  }
}

function spearmanOf(pairs: readonly OutOfFoldPair[]): number {
  if (pairs.length === 0) return NaN;
  return spearman(
    pairs.map(({ cosine }) => cosine),
    pairs.map(({ score }) => score),
  );
}

function spearmanOfHeldOut(embeddings: Embeddings, pairs: readonly LabelledPair[]): number | undefined {
  const known = new Set(embeddings.ids);
  const both = pairs.filter(({ id1, id2 }) => known.has(id1) && known.has(id2));
  if (both.length === 0) return undefined;
  return spearman(
    pairCosines(embeddings, both),
    both.map(({ score }) => score),
  );
}
