import { readFile } from 'node:fs/promises';
import { fileError, writeFileAtomic } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';
import { readCategories } from '../submission.js';

/** Writes the categories of a model, one a line, in the order of its outputs. */
export function writeClasses(path: string, classes: readonly string[]): Promise<void> {
  return writeFileAtomic(path, `${classes.join('\n')}\n`);
}

/** The categories of {@link writeClasses}. */
export async function readClasses(path: string): Promise<string[]> {
  const classes = (await readText(path)).trim().split('\n');
  if (classes[0] !== '') return classes;
  throw new WbdcError({ where: path, expected: 'categories, one a line', got: 'none' });
}

/** The categories of videos by id, lines `id,category_id` as in a submission: `<split>_truth.csv`. */
export async function readTruth(path: string): Promise<Map<string, string>> {
  const text = (await readText(path)).replace(/^\ufeff/, '');
  const ids = text.split(/\r?\n/).flatMap((line) => line.split(',')[0] || []);
  return readCategories(text, new Set(ids), undefined, path);
}

function readText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause) => Promise.reject(fileError('read', path, cause)));
}
