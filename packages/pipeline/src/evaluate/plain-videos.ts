import { readAnnotations, textsOf, type FeatureSource } from '@wbdc/data';
import type { PlainLabelled, PlainVideo } from '@wbdc/finetune';

/** Where videos are read from as they are, without a model. */
export interface PlainSource {
  /** Annotations in the layout of WBDC. */
  readonly annotations: string;
  /** Their frame features, where there are any. */
  readonly features?: FeatureSource | undefined;
}

/**
 * Reads titles, all texts and mean frame features of videos.
 *
 * @param wanted which; all by default
 */
export async function readPlainVideos(
  { annotations, features }: PlainSource,
  wanted: (id: string) => boolean = () => true,
): Promise<Map<string, PlainVideo & Partial<PlainLabelled>>> {
  const videos = new Map<string, PlainVideo & Partial<PlainLabelled>>();
  for await (const video of readAnnotations(annotations, { onBad: () => undefined })) {
    if (!wanted(video.id)) continue;
    const { title, ocr, asr } = textsOf(video);
    const frames = features?.has(video.id) ? await meanFrames(features, video.id) : undefined;
    videos.set(video.id, {
      title,
      texts: [title, ocr, asr].filter((text) => text !== '').join(' '),
      ...(frames && { frames }),
      ...(video.categoryId !== undefined && { category: video.categoryId }),
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
export function labelledOf(
  videos: ReadonlyMap<string, PlainVideo & Partial<PlainLabelled>>,
  most: number,
): PlainLabelled[] {
  const labelled = [...videos.values()].filter((video): video is PlainLabelled => video.category !== undefined);
  if (labelled.length <= most) return labelled;
  return Array.from({ length: most }, (_, i) => labelled[Math.floor((i * labelled.length) / most)]);
}
