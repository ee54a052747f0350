import type { DecodeSettings, DecodedVideo, DecodeVideo, VideoInput } from '@wbdc/video-features';

/** Decoded frames are kept up to this many bytes: a small data set is decoded once, not every epoch. */
const CACHE_BYTES = 512 * 2 ** 20;

/** Decodes videos, those that fit into memory once. */
export class PictureCache {
  readonly #known = new Map<string, DecodedVideo>();
  #bytes = 0;

  constructor(
    private readonly decode: DecodeVideo,
    private readonly settings: DecodeSettings,
  ) {}

  /** @throws SourceError where a video's content is at fault */
  async read(video: VideoInput): Promise<DecodedVideo> {
    const known = this.#known.get(video.path);
    if (known) return known;
    const decoded = await this.decode(video, this.settings);
    if (this.#bytes + decoded.pixels.length <= CACHE_BYTES) {
      this.#known.set(video.path, decoded);
      this.#bytes += decoded.pixels.length;
    }
    return decoded;
  }
}

/** Picture `i` of a decoded video. */
export function pictureOf({ count, pixels }: DecodedVideo, i: number, side: number) {
  const bytes = pixels.length / count;
  return { width: side, height: side, data: pixels.subarray(i * bytes, (i + 1) * bytes) };
}
