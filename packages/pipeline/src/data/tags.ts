import { byFrequency, countTags, SkipCounter, type ChooseTags, type Video } from '@wbdc/data';
import { WbdcError } from '@wbdc/io/errors';
import { readSplits, type SplitTexts } from './video-set.js';

/**
 * What chooses the tags of the tag task once a data set has been read: the most frequent ones of its videos and of
 * those of further splits.
 *
 * @param where the settings that ask for them, for messages
 *
 * @throws WbdcError `tags-missing`, when it chooses, where no tag is frequent enough
 */
export async function tagChooser(
  { count, minFrequency }: { readonly count: number; readonly minFrequency: number },
  further: readonly SplitTexts[] = [],
  signal?: AbortSignal,
  where = 'tasks.tag',
): Promise<ChooseTags> {
  const others = await countSplitTags(further, signal);
  return (counts) => {
    const all = byFrequency([...counts, ...others].map((entry) => [entry.tag, entry.count]));
    const frequent = all.filter((entry) => entry.count >= minFrequency);
    if (frequent.length > 0) return frequent.slice(0, count).map(({ tag }) => tag);
    throw new WbdcError({
      where,
      expected: `tags that occur at least ${minFrequency} times`,
      got: 'none',
      ...(where === 'tasks.tag'
        ? { advice: 'leave the tag task out, or lower tasks.tag.minFrequency', code: 'tags-missing' }
        : { advice: `lower ${where}.minFrequency` }),
    });
  };
}

async function countSplitTags(splits: readonly SplitTexts[], signal?: AbortSignal) {
  const videos: Pick<Video, 'tags'>[] = [];
  const skipped = new SkipCounter('videos', 1); // bad records are counted where the videos themselves are read
  for await (const { tags = [] } of readSplits(splits, { skipped, signal })) videos.push({ tags });
  return countTags(videos);
}
