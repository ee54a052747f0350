import { SourceError } from './errors.js';
import type { Image } from './image-data.js';
import { randomSubset, uniform, type Key } from '@wbdc/nn/random';
import { onWhite, type Place } from './pixels.js';
import { sampleFrames, type Frames, type Sampling } from './sampling.js';

/** The sampled frames of a video as the tower sees them, still in bytes. Plain data: it crosses threads. */
export interface DecodedVideo {
  readonly id: string;
  /** n, at least 1. */
  readonly count: number;
  /** Which of the sampled frames they are, ascending, where not all were taken; and how many there are. */
  readonly taken?: readonly number[];
  readonly of?: number;
  /** `[n, S, S, 3]` */
  readonly pixels: Uint8Array;
  /** Seconds from the start of each sampled frame, where the source has times. */
  readonly times?: readonly number[];
}

/** Frames that can be read: a `FrameSource`, or pictures in memory ({@link framesOf}). */
export interface ReadableFrames extends Frames {
  /** The frames at ascending indices, decoded, in this order. */
  read(indices: readonly number[]): AsyncIterable<Image> | Iterable<Image>;
}

/** What of the sampled frames is read in training. Plain data. */
export interface FrameDraw {
  /** A sorted random subset of at most `limit`, or the frames at some ascending places; all where absent. */
  readonly take?: { readonly limit: number; readonly key: Key } | readonly number[];
  /** Takes random squares of the pictures, mirrored half of the time, in place of the centred ones. */
  readonly augment?: Key;
}

export interface DecodeFramesOptions {
  readonly draw?: FrameDraw | undefined;
  readonly sampling: Sampling;
  /** S */
  readonly imageSize: number;
  /** Most frames to take: all of them are in memory at once. */
  readonly maxTaken: number;
  /** A picture as the tower sees it, `[S, S, 3]`. */
  readonly crop: (image: Image, place?: Place) => Image | Promise<Image>;
}

/**
 * Samples, reads and crops the frames of a video.
 *
 * @throws SourceError when the content is at fault, also when there is not one frame
 */
export async function decodeFrames(
  id: string,
  source: ReadableFrames,
  { sampling, draw = {}, imageSize, maxTaken, crop }: DecodeFramesOptions,
): Promise<DecodedVideo> {
  const { name, times } = source;
  const sampled = sampleFrames(sampling, source, id);
  const taken = draw.take && takeFrames(draw.take, sampled.length);
  const indices = taken ? taken.map((place) => sampled[place]) : sampled;
  if (indices.length === 0) {
    throw new SourceError(`${name}: expected at least one frame, got none. Leave the video out.`);
  }
  if (indices.length > maxTaken) {
    throw new SourceError(`${name}: expected at most ${maxTaken} sampled frames, got ${indices.length}. Sample fewer.`);
  }
  const size = imageSize ** 2 * 3;
  const pixels = new Uint8Array(indices.length * size);
  let count = 0;
  for await (const image of source.read(indices)) {
    const place = draw.augment && placeOf(draw.augment, indices[count]);
    pixels.set((await crop(image, place)).data, size * count++);
  }
  const which = taken && { taken, of: sampled.length };
  return { id, count, pixels, ...which, ...(times && { times: indices.map((index) => times[index]) }) };
}

/** Which of so many frames. */
function takeFrames(take: NonNullable<FrameDraw['take']>, count: number): number[] {
  return 'key' in take ? Array.from(randomSubset(take.key, count, take.limit)) : take.filter((place) => place < count);
}

/** Of a frame, by its index. */
function placeOf(key: Key, index: number): Place {
  return { x: uniform(key, 3 * index), y: uniform(key, 3 * index + 1), mirrored: uniform(key, 3 * index + 2) < 0.5 };
}

/**
 * Decoded pixels from anywhere, rows from the top: RGB `[height, width, 3]`, or RGBA `[height, width, 4]` as
 * `ImageData` has.
 */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array | Uint8ClampedArray;
}

/** Pictures in memory as the frames of a video. @param name what to call the video in errors */
export function framesOf(pictures: readonly Pixels[], name: string): ReadableFrames {
  return {
    name,
    count: pictures.length,
    *read(indices) {
      for (const index of indices) yield toRgb(pictures[index], `${name}: frame ${index}`);
    },
  };
}

/** Transparent pixels are composited on white, as those of picture files are. */
function toRgb({ width, height, data }: Pixels, name: string): Image {
  const count = width * height;
  const channels = data.length / count;
  if (count >= 1 && (channels === 3 || channels === 4)) return { width, height, data: onWhite(data, channels) };
  const expected = `${3 * count} (RGB) or ${4 * count} (RGBA) bytes for ${width} x ${height} pixels`;
  throw new SourceError(`${name}: expected ${expected}, got ${data.length}. Leave the video out.`);
}
