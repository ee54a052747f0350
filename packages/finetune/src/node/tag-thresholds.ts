import { dirname } from 'node:path';
import { exists, readJson } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';
import { z } from 'zod';
import { finetuneFiles } from './files.js';

const scores = z.looseObject({
  perTag: z.array(z.looseObject({ tag: z.string(), threshold: z.number() })).optional(),
});

/** The thresholds in the scores beside probabilities of tags, in the order of the tags; nothing without. */
export async function thresholdsBeside(path: string, tags: readonly string[]): Promise<number[] | undefined> {
  const file = finetuneFiles(dirname(path)).scores;
  if (!(await exists(file))) return undefined;
  const read = scores.safeParse(await readJson(file));
  if (!read.success) {
    const [expected, got] = ['scores of tags, each with its threshold', z.prettifyError(read.error).slice(0, 200)];
    throw new WbdcError({ where: file, expected, got });
  }
  const { perTag } = read.data;
  if (perTag === undefined) return undefined;
  const known = new Map(perTag.map(({ tag, threshold }) => [tag, threshold]));
  return tags.map((tag) => known.get(tag) ?? 0.5);
}
