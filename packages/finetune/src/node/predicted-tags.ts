import { z } from 'zod';
import { decideTags } from '../thresholds.js';
import type { EnsembleMember } from './ensemble-member.js';
import { readJsonLines } from './json-lines.js';

/** Which tags a model says videos have. */
export interface PredictedTags {
  readonly kind: 'tags';
  readonly name: string;
  /** The file that was read. */
  readonly path: string;
  readonly ids: readonly string[];
  /** The tags of each video that reach their thresholds. */
  readonly chosen: readonly (readonly string[])[];
  /** Of all tags `[N, T]`, where they are known. */
  readonly probabilities?: { readonly tags: readonly string[]; readonly values: ArrayLike<number> };
}

/** The tags that reach their thresholds by probabilities `[N, T]`. */
export function chooseTags(
  values: ArrayLike<number>,
  tags: readonly string[],
  thresholds: ArrayLike<number>,
): (readonly string[])[] {
  const decided = decideTags(values, thresholds);
  return Array.from({ length: values.length / tags.length }, (_, row) =>
    tags.filter((__, k) => decided[row * tags.length + k] === 1),
  );
}

/** What a member of tags says, with the tags that reach its thresholds: 1/2 where none were chosen. */
export function tagsOf({ name, path, rows, classes, thresholds }: EnsembleMember): PredictedTags {
  const tags = classes!;
  const reached = thresholds ?? tags.map(() => 0.5);
  const probabilities = { tags, values: rows.values };
  return { kind: 'tags', name, path, ids: rows.ids, chosen: chooseTags(rows.values, tags, reached), probabilities };
}

const line = z.object({
  id: z.string(),
  tags: z.array(z.object({ tag: z.string(), probability: z.number().optional(), chosen: z.boolean().optional() })),
});

/** Lines of `wbdc tag`, or `tags.jsonl`: the tags that are chosen; where it is not said, those from 1/2 on. */
export async function readTagLines(path: string, name: string): Promise<PredictedTags> {
  const ids: string[] = [];
  const chosen: string[][] = [];
  for await (const { id, tags } of readJsonLines(path, line, '{id, tags} of wbdc tag')) {
    ids.push(id);
    const said = tags.filter((one) => one.chosen ?? (one.probability ?? 1) >= 0.5);
    chosen.push(said.map(({ tag }) => tag));
  }
  return { kind: 'tags', name, path, ids, chosen };
}
