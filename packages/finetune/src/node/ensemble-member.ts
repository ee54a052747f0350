import { stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { combineProbabilities, type Embeddings } from '@wbdc/ensemble-svd';
import { exists } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';
import { z } from 'zod';
import { readEmbeddingFile } from './embeddings.js';
import { finetuneFiles } from './files.js';
import { readJsonLines } from './json-lines.js';
import { readClasses } from './labels.js';
import { readProbabilities } from './probabilities.js';
import { thresholdsBeside } from './tag-thresholds.js';

/** What one model says of some videos. */
export interface EnsembleMember {
  readonly name: string;
  readonly kind: 'embeddings' | 'probabilities' | 'tags';
  /** The file that was read. */
  readonly path: string;
  /** Embeddings, or probabilities of the classes or tags. */
  readonly rows: Embeddings;
  /** In the order of the columns, where that is known. */
  readonly classes?: readonly string[];
  /** Of tags, in the order of the columns, where the run has chosen them. */
  readonly thresholds?: readonly number[];
}

/**
 * Reads what a model says: of a run (`runs/a`) or its finetune stage, or a file: `result.zip` (embeddings as
 * submitted), lines `{id, embedding}` as `wbdc embed` writes them, or lines `{id, probabilities}`, with the classes
 * in `categories.txt` beside it, or the tags in `tag_list.txt` and their thresholds in `scores.json`.
 *
 * @param name of the model, for tables and messages, and to tell it again in a saved projection
 * @throws WbdcError that names the file
 */
export async function readEnsembleMember(path: string, name = memberName(path)): Promise<EnsembleMember> {
  const file = await findPredictions(path);
  if (file.endsWith('.zip')) return { name, kind: 'embeddings', path: file, rows: await readEmbeddingFile(file, name) };
  const kind = await kindOfLines(file);
  if (kind === 'embeddings') return { name, kind, path: file, rows: await readEmbeddingLines(file, name) };
  const { classes, tagList } = finetuneFiles(dirname(file));
  const rows = await readProbabilities(file, name);
  if (!(await exists(classes)) && (await exists(tagList))) return ofTags({ name, path: file, rows }, tagList);
  return { name, kind, path: file, rows, ...((await exists(classes)) && { classes: await readClasses(classes) }) };
}

async function ofTags(read: Pick<EnsembleMember, 'name' | 'path' | 'rows'>, list: string): Promise<EnsembleMember> {
  const tags = await readClasses(list);
  const { path, rows } = read;
  if (tags.length !== rows.width) {
    const expected = `${tags.length} probabilities of each video, as tags in ${list}`;
    throw new WbdcError({ where: path, expected, got: `${rows.width}` });
  }
  combineProbabilities([{ ...rows, name: path }], undefined, { independent: true }); // refuses what are none
  const thresholds = await thresholdsBeside(path, tags);
  return { ...read, kind: 'tags', classes: tags, ...(thresholds && { thresholds }) };
}

/** What to call the predictions at a path: the run's name, or the file's without its ending. */
export function memberName(path: string): string {
  const last = basename(path);
  return last === 'finetune' ? basename(dirname(path)) : last.replace(/\.(zip|jsonl|csv)$/, '');
}

/** What to call the predictions at several paths: of two `result.zip`, with as many of their folders as differ. */
export function memberNames(paths: readonly string[]): string[] {
  const parts = paths.map((path) => {
    const folder = dirname(basename(path) === 'finetune' ? dirname(path) : path);
    return [...folder.split(/[/\\]/).filter((part) => part !== '' && part !== 'finetune'), memberName(path)];
  });
  return parts.map((own, i) => {
    const taken = (last: number): boolean =>
      parts.some((other, j) => j !== i && other.slice(-last).join('/') === own.slice(-last).join('/'));
    let last = 1;
    while (last < own.length && taken(last)) last++;
    return own.slice(-last).join('/');
  });
}

/** The file of a run, of its finetune stage, or the file itself. */
export async function findPredictions(path: string): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile()) return path;
  for (const folder of [path, join(path, 'finetune')]) {
    const { embeddings, probabilities, tagProbabilities, tags } = finetuneFiles(folder);
    for (const file of [embeddings, probabilities, tagProbabilities, tags]) if (await exists(file)) return file;
  }
  throw new WbdcError({
    where: path,
    expected: 'a run with a finetune stage, or a file of predictions (result.zip, probabilities.jsonl, tags.jsonl)',
    got: found ? 'a folder without' : 'nothing',
    code: 'predictions-missing',
  });
}

const embedding = z.object({ id: z.string(), embedding: z.array(z.number()).min(1) });

async function kindOfLines(path: string): Promise<EnsembleMember['kind']> {
  const any = z.looseObject({ id: z.string() });
  const expected = '{id, embedding} or {id, probabilities}';
  for await (const line of readJsonLines(path, any, expected)) {
    if ('embedding' in line) return 'embeddings';
    if ('probabilities' in line) return 'probabilities';
    break;
  }
  throw new WbdcError({ where: path, expected: `lines ${expected}`, got: 'others, or none' });
}

async function readEmbeddingLines(path: string, name: string): Promise<Embeddings> {
  const ids: string[] = [];
  const rows: number[][] = [];
  for await (const line of readJsonLines(path, embedding, '{id, embedding} of wbdc embed')) {
    if (rows.length > 0 && line.embedding.length !== rows[0].length) {
      const expected = `embeddings of one width, ${rows[0].length}`;
      throw new WbdcError({ where: `${path}: ${line.id}`, expected, got: String(line.embedding.length) });
    }
    ids.push(line.id);
    rows.push(line.embedding);
  }
  const width = rows[0].length;
  const values = new Float64Array(rows.length * width);
  rows.forEach((row, i) => values.set(row, i * width));
  return { name, ids, width, values };
}
