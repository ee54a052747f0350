import { readDistinctVideos, textsOf, type FeatureSource } from '@wbdc/data';
import type { PlainLabelled, PlainVideo } from '@wbdc/finetune';

/** Where videos are read from as they are, without a model. */
export interface PlainSource {
  /** Annotations in the layout of WBDC. */
  readonly annotations: string;
  /** Their frame features, where there are any. */
  readonly features?: FeatureSource | undefined;
}

/** A video with its tags. */
export interface TaggedVideo extends PlainVideo {
  readonly tags: readonly string[];
}

/** A video with what people said of it. */
type KnownVideo = PlainVideo & Partial<Pick<PlainLabelled, 'category'> & Pick<TaggedVideo, 'tags'>>;

/**
 * Reads titles, all texts and mean frame features of videos.
 *
 * @param wanted which; all by default
 */
export async function readPlainVideos(
  { annotations, features }: PlainSource,
  wanted: (id: string) => boolean = () => true,
): Promise<Map<string, KnownVideo>> {
  const videos = new Map<string, KnownVideo>();
  for await (const video of readDistinctVideos(annotations, { onBad: () => undefined })) {
    if (!wanted(video.id)) continue;
    const { title, ocr, asr } = textsOf(video);
    const frames = features?.has(video.id) ? await meanFrames(features, video.id) : undefined;
    videos.set(video.id, {
      title,
      texts: [title, ocr, asr].filter((text) => text !== '').join(' '),
      ...(frames && { frames }),
      ...(video.categoryId !== undefined && { category: video.categoryId }),
      ...(video.tags && { tags: video.tags }),
    });
  }
  return videos;
}

/** Mean of a video's frames `[Dv]`; nothing where they cannot be read or there are none. */
async function meanFrames(features: FeatureSource, id: string): Promise<Float32Array | undefined> {
  const read = await features.read(id).catch(() => undefined);
  if (read === undefined || read.shape[0] === 0) return undefined;
  const [count, width] = read.shape;
  const mean = new Float32Array(width);
  for (let i = 0; i < read.data.length; i++) mean[i % width] += read.data[i] / count;
  return mean;
}

/** Those with a category, at most so many, evenly over the list. */
export function labelledOf(videos: ReadonlyMap<string, KnownVideo>, most: number): PlainLabelled[] {
  return evenly(
    [...videos.values()].filter((video): video is PlainLabelled => video.category !== undefined),
    most,
  );
}

/** Those with tags, as many. */
export function taggedOf(videos: ReadonlyMap<string, KnownVideo>, most: number): TaggedVideo[] {
  return evenly(
    [...videos.values()].filter((video): video is TaggedVideo => (video.tags ?? []).length > 0),
    most,
  );
}

function evenly<T>(all: readonly T[], most: number): T[] {
  if (all.length <= most) return [...all];
  return Array.from({ length: most }, (_, i) => all[Math.floor((i * all.length) / most)]);
}
