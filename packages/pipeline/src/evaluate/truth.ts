import { readDistinctVideos, readLabels, readLines, type LabelledPair } from '@wbdc/data';
import type { Predictions } from '@wbdc/finetune/node';
import { readTruth } from '@wbdc/finetune/node';
import { exists } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';
import { z } from 'zod';
import { firstThere, splitPaths, type RunData } from './run-of.js';

/** What is known to be right. */
export type Truth =
  | { readonly kind: 'embeddings'; readonly path: string; readonly pairs: readonly LabelledPair[] }
  | { readonly kind: 'categories'; readonly path: string; readonly labels: ReadonlyMap<string, string> }
  | { readonly kind: 'tags'; readonly path: string; readonly labels: ReadonlyMap<string, readonly string[]> };

type Kind = Predictions['kind'];

const EXPECTED: Readonly<Record<Kind, string>> = {
  embeddings: 'pairs with scores (label.tsv)',
  categories: 'categories of videos (id,category_id)',
  tags: 'annotations with tags, or lines {id, tags}',
};

/** The path of a truth: the file itself, or that of a split in a run's data. */
export async function findTruth(named: string, kind: Kind, data: RunData): Promise<string> {
  const { truth, annotations, pairs } = splitPaths(data, named);
  const tried = { embeddings: pairs, categories: [...truth, ...annotations], tags: annotations }[kind];
  const found = /[/\\]/.test(named) && (await exists(named)) ? named : await firstThere([...tried, named]);
  if (found !== undefined) return found;
  throw new WbdcError({
    where: named,
    expected: EXPECTED[kind],
    got: tried.length === 0 ? 'no such file' : `no such file, and no split of that name in ${data.roots.join(', ')}`,
  });
}

/**
 * Reads pairs as `label.tsv` has them, categories: lines `id,category_id`, or annotations with `category_id`; or tags:
 * annotations with `tags`, or JSON lines `{id, tags}`.
 *
 * @throws WbdcError where it is of the other kind than the predictions
 */
export async function readEvaluationTruth(path: string, kind: Kind): Promise<Truth> {
  if (kind === 'tags') return { kind, path, labels: await readTags(path) };
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
  for await (const { id, categoryId } of readDistinctVideos(path)) if (categoryId) labels.set(id, categoryId);
  return { kind: 'categories', path, labels };
}

const line = z.object({ id: z.string(), tags: z.array(z.string()) });

async function readTags(path: string): Promise<Map<string, readonly string[]>> {
  const labels = new Map<string, readonly string[]>();
  if (path.endsWith('.json')) {
    for await (const { id, tags = [] } of readDistinctVideos(path)) if (tags.length > 0) labels.set(id, tags);
  } else {
    for await (const { number, text } of readLines(path)) {
      if (text.trim() === '') continue;
      const read = line.safeParse(jsonOf(text));
      if (!read.success) {
        const got = JSON.stringify(text.slice(0, 60));
        throw new WbdcError({ where: `${path}: line ${number}`, expected: `tags of a video: ${EXPECTED.tags}`, got });
      }
      const { id, tags } = read.data;
      if (labels.has(id))
        throw new WbdcError({ where: path, expected: 'every id once', got: `${id.slice(0, 60)} twice` });
      labels.set(id, tags);
    }
  }
  if (labels.size > 0) return labels;
  throw new WbdcError({
    where: path,
    expected: `tags of videos, as the model predicts: ${EXPECTED.tags}`,
    got: 'none',
  });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function holdsPairs(path: string): Promise<boolean> {
  if (path.endsWith('.json')) return false;
  for await (const { text } of readLines(path)) if (text.trim() !== '') return text.split('\t').length === 3;
  return false;
}
