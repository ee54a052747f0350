import { dirname } from 'node:path';
import { combineProbabilities, type Embeddings } from '@wbdc/ensemble-svd';
import { exists } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';
import { z } from 'zod';
import { chooseClasses } from '../prediction.js';
import { findPredictions, memberName, readEnsembleMember, type EnsembleMember } from './ensemble-member.js';
import { finetuneFiles } from './files.js';
import { readJsonLines } from './json-lines.js';
import { readTruth } from './labels.js';
import { readTagLines, tagsOf, type PredictedTags } from './predicted-tags.js';

/** Which categories a model says videos have. */
export interface PredictedCategories {
  readonly kind: 'categories';
  readonly name: string;
  /** The file that was read. */
  readonly path: string;
  readonly ids: readonly string[];
  /** Of each video. */
  readonly predicted: readonly string[];
  /** Probability of each, where that is known. */
  readonly confidence?: Float64Array;
  /** Of all classes `[N, C]`, where they are known. */
  readonly probabilities?: { readonly classes: readonly string[]; readonly values: Embeddings['values'] };
}

/** Embeddings, categories or tags. */
export type Predictions = (EnsembleMember & { readonly kind: 'embeddings' }) | PredictedCategories | PredictedTags;

/**
 * Reads what a model says, for measuring it: whatever {@link readEnsembleMember} reads, and categories without
 * probabilities: `result.csv` as submitted, or the lines of `wbdc predict`; tags by their lines in `wbdc tag`. Where a
 * run's probabilities have a `result.csv` beside them, the categories are those of it: they may favour rare classes.
 *
 * @throws WbdcError that names the file
 */
export async function readPredictions(path: string, name?: string): Promise<Predictions> {
  const read = await readAny(path, name);
  assertOnce(read.kind === 'embeddings' ? read.rows.ids : read.ids, read.path);
  return read;
}

/** Of a video that stands twice nobody knows which line counts. */
function assertOnce(ids: readonly string[], where: string): void {
  const seen = new Set<string>();
  for (const id of ids) {
    if (seen.size === seen.add(id).size) throw new WbdcError({ where, expected: 'every id once', got: `${id} again` });
  }
}

async function readAny(path: string, name: string | undefined): Promise<Predictions> {
  const file = await findPredictions(path);
  if (file.endsWith('.csv')) {
    const labels = await readTruth(file);
    const own = name ?? memberName(file);
    return { kind: 'categories', name: own, path: file, ids: [...labels.keys()], predicted: [...labels.values()] };
  }
  const lines = file.endsWith('.jsonl') ? await decidedIn(file) : undefined;
  if (lines === 'categories') return readPredictLines(file, name);
  if (lines === 'tags') return readTagLines(file, name ?? memberName(path));
  const member = await readEnsembleMember(path, ...(name === undefined ? [] : [name]));
  if (member.kind === 'embeddings') return { ...member, kind: 'embeddings' };
  if (member.kind === 'tags') return tagsOf(member);
  return categoriesOf(member);
}

/** What lines without probabilities of all classes decide on. */
async function decidedIn(path: string): Promise<'categories' | 'tags' | undefined> {
  const any = z.looseObject({ id: z.string() });
  for await (const line of readJsonLines(path, any, '{id, …}')) {
    if ('probabilities' in line) return undefined;
    return 'category' in line ? 'categories' : 'tags' in line ? 'tags' : undefined;
  }
  return undefined;
}

const predicted = z.object({ id: z.string(), category: z.string(), probability: z.number().min(0).max(1).optional() });

async function readPredictLines(path: string, name = memberName(path)): Promise<PredictedCategories> {
  const lines: z.output<typeof predicted>[] = [];
  for await (const line of readJsonLines(path, predicted, '{id, category, probability} of wbdc predict')) {
    lines.push(line);
  }
  const known = lines.every(({ probability }) => probability !== undefined);
  return {
    kind: 'categories',
    name,
    path,
    ids: lines.map(({ id }) => id),
    predicted: lines.map(({ category }) => category),
    ...(known && { confidence: Float64Array.from(lines, ({ probability }) => probability!) }),
  };
}

async function categoriesOf({ name, path, rows, classes }: EnsembleMember): Promise<PredictedCategories> {
  if (classes === undefined) {
    throw new WbdcError({
      where: path,
      expected: 'categories.txt beside it, the classes in the order of the probabilities',
      got: 'none',
    });
  }
  if (classes.length !== rows.width) {
    throw new WbdcError({
      where: path,
      expected: `${classes.length} probabilities of each video`,
      got: `${rows.width}`,
    });
  }
  combineProbabilities([{ ...rows, name: path }]); // refuses what are no probabilities, as an ensemble does
  const submitted = finetuneFiles(dirname(path)).categories;
  const chosen = (await exists(submitted)) ? await readTruth(submitted) : new Map<string, string>();
  const likely = chooseClasses(Float64Array.from(rows.values), classes);
  const known = new Set(classes);
  const choice = (id: string, i: number): string => {
    const own = chosen.get(id);
    return own !== undefined && known.has(own) ? own : likely[i];
  };
  return {
    kind: 'categories',
    name,
    path,
    ids: rows.ids,
    predicted: rows.ids.map(choice),
    probabilities: { classes, values: rows.values },
  };
}
