import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fitTransform, pairCosines, RankError, type Embeddings } from '@wbdc/ensemble-svd';
import { readEmbeddings, writeEmbeddings } from '@wbdc/finetune';
import { spearman } from '@wbdc/metrics';
import { readIfThere, writeAtomically, writeBytesAtomically } from '../../files.js';
import { counted, formatNumber } from '../../format.js';
import type { StageContext } from '../../stage.js';
import type { Conclusion } from '../training.js';
import { heldOutPairs } from './pairs.js';
import { OUT_OF_FOLD_PAIRS } from './similarity.js';

interface OutOfFold {
  readonly fold: number;
  readonly score: number;
  readonly cosine: number;
}

/** Gathers out-of-fold cosines and joins the folds' embeddings of the held-out splits. */
export async function combineSimilarity(context: StageContext, folders: readonly string[]): Promise<Conclusion> {
  const path = (name: string): string => join(context.folder, name);
  const texts = await Promise.all(folders.map((folder) => readIfThere(join(folder, OUT_OF_FOLD_PAIRS))));
  await writeAtomically(path(OUT_OF_FOLD_PAIRS), texts.join(''));
  const folds = texts.map((text = '') =>
    spearmanOf(
      text
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line)),
    ),
  );
  const measured = folds.filter(Number.isFinite); // a fold may have no pairs, or those of one score
  const mean = measured.reduce((sum, value) => sum + value, 0) / measured.length;
  const members = await Promise.all(folders.map(readMember));
  const embeddings = await joined(members, members[0].width, context);
  const { ids, width, values } = embeddings;
  const rows = new Map(ids.map((id, i) => [id, values.subarray(i * width, (i + 1) * width)]));
  await writeBytesAtomically(path('result.zip'), writeEmbeddings(rows));
  const heldOut = await heldOutSpearman(context, embeddings);
  const scores = {
    outOfFold: { spearman: mean, folds },
    ...(heldOut !== undefined && { spearman: { value: heldOut, baseline: 0 } }),
  };
  await writeAtomically(path('scores.json'), `${JSON.stringify(scores, null, 2)}\n`);
  return {
    made: [
      { path: path('result.zip'), about: `embeddings of ${counted(ids.length, 'video')}, the folds' joined by SVD` },
      { path: path(OUT_OF_FOLD_PAIRS), about: 'pairs, each by the model that knows neither of their videos' },
      { path: path('scores.json'), about: 'Spearman of every fold, and of the ensemble on held-out pairs' },
    ],
    summary: {
      'out-of-fold spearman, mean of the folds': formatNumber(mean),
      ...(heldOut !== undefined && { 'held-out spearman of the ensemble': formatNumber(heldOut) }),
      measured: { 'out-of-fold/spearman': mean, ...(heldOut !== undefined && { spearman: heldOut }) },
    },
  };
}

/** As wide as one of them; where few held-out videos span less, as wide as that, which loses nothing. */
async function joined(members: readonly Embeddings[], dimension: number, context: StageContext): Promise<Embeddings> {
  try {
    return (await fitTransform(members, { dimension })).embeddings;
  } catch (error) {
    if (!(error instanceof RankError) || error.rank === 0) throw error;
    context.output.warn(`the held-out embeddings span ${error.rank} of ${dimension} dimensions: joined to that width`);
    return joined(members, error.rank, context);
  }
}

function spearmanOf(pairs: readonly OutOfFold[]): number {
  if (pairs.length === 0) return NaN;
  return spearman(
    pairs.map(({ cosine }) => cosine),
    pairs.map(({ score }) => score),
  );
}

async function readMember(folder: string, fold: number): Promise<Embeddings> {
  const vectors = readEmbeddings(await readFile(join(folder, 'result.zip')));
  const rows = [...vectors.values()];
  return {
    name: `fold ${fold}`,
    ids: [...vectors.keys()],
    width: rows[0].length,
    values: Float64Array.from(rows.flat()),
  };
}

async function heldOutSpearman(context: StageContext, embeddings: Embeddings): Promise<number | undefined> {
  const known = new Set(embeddings.ids);
  const pairs = (await heldOutPairs(context)).filter(({ id1, id2 }) => known.has(id1) && known.has(id2));
  if (pairs.length === 0) return undefined;
  return spearman(
    pairCosines(embeddings, pairs),
    pairs.map(({ score }) => score),
  );
}
