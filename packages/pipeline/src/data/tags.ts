import { byFrequency, countTags, SkipCounter, type ChooseTags, type Video } from '@wbdc/data';
import { WbdcError } from '@wbdc/io/errors';
import type { TaskConfig } from '../settings/tasks.js';
import { readSplits, type SplitTexts } from './video-set.js';

/**
 * What chooses the tags of the tag task once a data set has been read: the most frequent ones of its videos and of
 * those of further splits.
 *
 * @throws WbdcError `tags-missing`, when it chooses, where no tag is frequent enough
 */
export async function tagChooser(
  { count, minFrequency }: Pick<TaskConfig<'tag'>, 'count' | 'minFrequency'>,
  further: readonly SplitTexts[] = [],
  signal?: AbortSignal,
): Promise<ChooseTags> {
  const others = await countSplitTags(further, signal);
  return (counts) => {
    const all = byFrequency([...counts, ...others].map((entry) => [entry.tag, entry.count]));
    const frequent = all.filter((entry) => entry.count >= minFrequency);
    if (frequent.length > 0) return frequent.slice(0, count).map(({ tag }) => tag);
    throw new WbdcError({
      where: 'tasks.tag',
      expected: `tags that occur at least ${minFrequency} times`,
      got: 'none',
      advice: 'leave the tag task out, or lower tasks.tag.minFrequency',
      code: 'tags-missing',
    });
  };
}

async function countSplitTags(splits: readonly SplitTexts[], signal?: AbortSignal) {
  const videos: Pick<Video, 'tags'>[] = [];
  const skipped = new SkipCounter('videos', 1); // bad records are counted where the videos themselves are read
  for await (const { tags = [] } of readSplits(splits, { skipped, signal })) videos.push({ tags });
  return countTags(videos);
}
