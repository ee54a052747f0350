import { writeFileAtomic } from '@wbdc/io';
import { DataError } from '../files/data-error.js';
import { readLines } from '../files/lines.js';

export interface TagCount {
  readonly tag: string;
  readonly count: number;
}

/** How many videos carry each tag, most frequent first; equal counts in the order of their code units. */
export function countTags(videos: Iterable<{ readonly tags?: readonly string[] }>): TagCount[] {
  const counts = new Map<string, number>();
  for (const { tags } of videos) for (const tag of new Set(tags)) counts.set(tag, (counts.get(tag) ?? 0) + 1);
  return byFrequency(counts);
}

/** Counts in the order of {@link countTags}; those of one tag are added up. */
export function byFrequency(counts: Iterable<readonly [tag: string, count: number]>): TagCount[] {
  const sums = new Map<string, number>();
  for (const [tag, count] of counts) sums.set(tag, (sums.get(tag) ?? 0) + count);
  return Array.from(sums, ([tag, count]) => ({ tag, count })).sort(
    (a, b) => b.count - a.count || (a.tag < b.tag ? -1 : 1),
  );
}

/**
 * Reads `tag_list.txt`: one tag a line, most frequent first; the line number is the tag's index. Empty lines at the end
 * do not count.
 */
export async function readTagList(path: string, limit = Infinity): Promise<string[]> {
  const lines = new Map<string, number>();
  let empty: number | undefined;
  for await (const { number, text } of readLines(path)) {
    if (text.trim() === '') {
      empty ??= number;
      continue;
    }
    if (empty !== undefined) throw new DataError(`${path}: line ${empty}: expected a tag, got an empty line`);
    const earlier = lines.get(text);
    if (earlier !== undefined) {
      throw new DataError(`${path}: line ${number}: expected each tag once, got ${text} again after line ${earlier}`);
    }
    lines.set(text, number);
  }
  return [...lines.keys()].slice(0, limit);
}

export async function writeTagList(path: string, tags: readonly string[]): Promise<void> {
  const broken = tags.find((tag) => tag === '' || /[\r\n]/.test(tag));
  if (broken !== undefined) throw new DataError(`${path}: expected tags of one line, got ${JSON.stringify(broken)}`);
  await writeFileAtomic(path, tags.map((tag) => `${tag}\n`).join(''));
}
