import { randomSubset } from '@wbdc/nn/plain';
import type { DecodeSettings, DecodedVideo, DecodeVideo, FrameDraw, VideoInput } from '@wbdc/video-features';

/** Decoded frames are kept up to this many bytes: a small data set is decoded once, not every epoch. */
const CACHE_BYTES = 512 * 2 ** 20;

/** The frames of a video that have been decoded, by their places among all. */
interface Known {
  readonly of: number;
  readonly frames: Map<number, Uint8Array>;
}

/** Decodes videos, those frames that fit into memory once. */
export class PictureCache {
  readonly #known = new Map<string, Known>();
  #bytes = 0;

  constructor(
    private readonly decode: DecodeVideo,
    private readonly settings: Omit<DecodeSettings, 'draw'>,
  ) {}

  /**
   * The frames of a video, or those that a batch draws: no others are decoded. Augmented ones are never the same, and
   * not kept.
   *
   * @throws SourceError where a video's content is at fault
   */
  async read(video: VideoInput, draw: FrameDraw = {}): Promise<DecodedVideo> {
    if (draw.augment) return this.decode(video, { ...this.settings, draw });
    const known = this.#known.get(video.path);
    if (known === undefined) {
      const decoded = await this.decode(video, { ...this.settings, ...(draw.take && { draw }) });
      this.#keep(video.path, decoded);
      return decoded;
    }
    const places = placesOf(draw, known.of);
    const missing = places.filter((place) => !known.frames.has(place));
    if (missing.length === 0) return joined(video.id, places, known, new Map());
    const decoded = await this.decode(video, { ...this.settings, draw: { take: missing } });
    this.#keep(video.path, decoded);
    return joined(video.id, places, known, framesIn(decoded));
  }

  #keep(path: string, decoded: DecodedVideo): void {
    const { pixels, of = decoded.count } = decoded;
    if (this.#bytes + pixels.length > CACHE_BYTES) return;
    const known = this.#known.get(path) ?? { of, frames: new Map<number, Uint8Array>() };
    for (const [place, frame] of framesIn(decoded)) {
      if (known.frames.has(place)) continue;
      known.frames.set(place, frame);
      this.#bytes += frame.length;
    }
    this.#known.set(path, known);
  }
}

function placesOf({ take }: FrameDraw, of: number): number[] {
  if (take === undefined) return Array.from({ length: of }, (_, i) => i);
  return 'key' in take ? Array.from(randomSubset(take.key, of, take.limit)) : [...take];
}

/** The frames of a decoded video by their places. */
function framesIn({ count, pixels, taken }: DecodedVideo): Map<number, Uint8Array> {
  const bytes = pixels.length / count;
  const frameAt = (i: number): Uint8Array => pixels.subarray(i * bytes, (i + 1) * bytes);
  return new Map(Array.from({ length: count }, (_, i) => [taken?.[i] ?? i, frameAt(i)]));
}

function joined(
  id: string,
  places: readonly number[],
  { of, frames }: Known,
  fresh: ReadonlyMap<number, Uint8Array>,
): DecodedVideo {
  const parts = places.map((place) => frames.get(place) ?? fresh.get(place)!);
  const pixels = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => (pixels.set(part, at), at + part.length), 0);
  return { id, count: places.length, pixels, taken: places, of };
}

/** Picture `i` of a decoded video. */
export function pictureOf({ count, pixels }: DecodedVideo, i: number, side: number) {
  const bytes = pixels.length / count;
  return { width: side, height: side, data: pixels.subarray(i * bytes, (i + 1) * bytes) };
}
