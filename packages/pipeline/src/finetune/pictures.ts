import { DataError, type FeatureSource } from '@wbdc/data';
import { floats, foldIn, type Floats } from '@wbdc/nn';
import { normalize, SourceError, STATISTICS, type DecodedVideo, type FrameDraw } from '@wbdc/video-features';
import type { FeatureExtractor } from '../features/extractor.js';

export interface PictureSourceOptions {
  /** The ids of the videos. */
  readonly ids: ReadonlySet<string>;
  /** Frames of a video, decoded as the tower reads them. @throws SourceError where its content is at fault */
  readonly decode: (id: string, draw?: FrameDraw) => Promise<DecodedVideo>;
  /** Training batches get random squares of the pictures, mirrored half of the time. */
  readonly augment?: boolean;
  readonly extractor: Pick<FeatureExtractor, 'preprocessing'>;
}

/** Frames as a vision tower reads them: flat, normalised pixels `[n, 3 side^2]` in place of stored features. */
export function pictureSource(options: PictureSourceOptions): FeatureSource {
  const { ids, decode, extractor, augment = false } = options;
  const { imageSize: side, statistics } = extractor.preprocessing;
  const width = 3 * side ** 2;
  const read = async (id: string, draw?: FrameDraw): Promise<Floats> => {
    const { count, pixels } = await decode(id, draw);
    const frames = floats([count, width]);
    const bytes = pixels.length / count;
    for (let i = 0; i < count; i++) {
      const image = { width: side, height: side, data: pixels.subarray(i * bytes, (i + 1) * bytes) };
      normalize(image, STATISTICS[statistics], frames.data, i * width);
    }
    return frames;
  };
  const reading = (id: string, draw?: FrameDraw): Promise<Floats> =>
    read(id, draw).catch((error: unknown) => {
      throw error instanceof SourceError ? new DataError(error.message) : error;
    });
  return {
    width,
    size: ids.size,
    has: (id) => ids.has(id),
    read: (id) => reading(id),
    draw: (id, { key, limit }) =>
      reading(id, {
        ...(limit !== undefined && { take: { limit, key } }),
        ...(augment && { augment: foldIn(key, 'augment') }),
      }),
    close: async () => undefined,
  };
}
