import { decodeVideo, type DecodeVideo } from './decode-video.js';
import { encodeJpeg } from './encode.js';

/** Decodes videos, and has a small picture of each. */
export interface ThumbnailKeeper {
  readonly decode: DecodeVideo;
  /** The picture of a video that was decoded, a JPEG file; kept until it is asked for, and given once. */
  take(id: string): Uint8Array | undefined;
}

/**
 * Keeps the middle one of the frames that pass by on their way to a model, as the tower sees it: nothing is decoded
 * twice.
 *
 * @param side of the picture at most, in pixels
 */
export function keepThumbnails({ side = 224, decode = decodeVideo } = {}): ThumbnailKeeper {
  const kept = new Map<string, Uint8Array>();
  return {
    decode: async (video, settings) => {
      const decoded = await decode(video, settings);
      const { count, pixels } = decoded;
      const size = settings.preprocessing.imageSize;
      const middle = Math.floor(count / 2) * size * size * 3;
      const data = pixels.subarray(middle, middle + size * size * 3);
      kept.set(video.id, (await encodeJpeg({ data, width: size, height: size }, { side, quality: 80 })).bytes);
      return decoded;
    },
    take: (id) => {
      const picture = kept.get(id);
      kept.delete(id);
      return picture;
    },
  };
}
