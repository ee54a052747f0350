import { readAnnotations, readLabels, readLines, type LabelledPair } from '@wbdc/data';
import type { Predictions } from '@wbdc/finetune/node';
import { readTruth } from '@wbdc/finetune/node';
import { exists } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';
import { firstThere, splitPaths, type RunData } from './run-of.js';

/** What is known to be right. */
export type Truth =
  | { readonly kind: 'embeddings'; readonly path: string; readonly pairs: readonly LabelledPair[] }
  | { readonly kind: 'categories'; readonly path: string; readonly labels: ReadonlyMap<string, string> };

/** The path of a truth: the file itself, or that of a split in a run's data. */
export async function findTruth(named: string, kind: Predictions['kind'], data: RunData): Promise<string> {
  const { truth, annotations, pairs } = splitPaths(data, named);
  const tried = kind === 'embeddings' ? pairs : [...truth, ...annotations];
  const found = /[/\\]/.test(named) && (await exists(named)) ? named : await firstThere([...tried, named]);
  if (found !== undefined) return found;
  throw new WbdcError({
    where: named,
    expected: kind === 'embeddings' ? 'pairs with scores (label.tsv)' : 'categories of videos (id,category_id)',
    got: tried.length === 0 ? 'no such file' : `no such file, and no split of that name in ${data.roots.join(', ')}`,
  });
}

/**
 * Reads pairs as `label.tsv` has them, or categories: lines `id,category_id`, or annotations with `category_id`.
 *
 * @throws WbdcError where it is of the other kind than the predictions
 */
export async function readEvaluationTruth(path: string, kind: Predictions['kind']): Promise<Truth> {
  const scored = await holdsPairs(path);
  if (scored !== (kind === 'embeddings')) {
    const [expected, got] = scored
      ? ['categories of videos, as the model predicts', 'scored pairs']
      : ['scored pairs of videos (id1, id2, score, with tabs between), as for embeddings', 'no such lines'];
    throw new WbdcError({ where: path, expected, got });
  }
  if (scored) return { kind: 'embeddings', path, pairs: await readLabels(path) };
  if (!path.endsWith('.json')) return { kind: 'categories', path, labels: await readTruth(path) };
  const labels = new Map<string, string>();
  for await (const { id, categoryId } of readAnnotations(path)) if (categoryId) labels.set(id, categoryId);
  return { kind: 'categories', path, labels };
}

async function holdsPairs(path: string): Promise<boolean> {
  if (path.endsWith('.json')) return false;
  for await (const { text } of readLines(path)) if (text.trim() !== '') return text.split('\t').length === 3;
  return false;
}
