import type { Image } from '../image-data.js';
import type { ImageLimits } from '../image.js';
import { IMAGE_LIMITS } from '../image.js';
import type { Frames } from '../sampling.js';
import { ZIP_LIMITS, type ZipLimits } from '../frame-zip.js';

/** An opened video, whatever holds its frames. Nothing is decoded before it is read. */
export interface FrameSource extends Frames {
  /**
   * The frames at ascending indices, decoded, in this order.
   *
   * @throws SourceError when the content is at fault
   */
  read(indices: readonly number[]): AsyncIterable<Image>;
  close(): Promise<void>;
}

/** What one video may cost. */
export interface SourceLimits {
  readonly image: ImageLimits;
  readonly zip: ZipLimits;
  /** Frames of an animation or a video file; a day at 30 frames a second by default. */
  readonly maxFrames: number;
  /** Frames that are taken of one video: all of them are in memory at once, 150 kB each at 224 pixels. */
  readonly maxTaken: number;
  /** Seconds that decoding one video file may take. */
  readonly maxSeconds: number;
}

export const SOURCE_LIMITS: SourceLimits = {
  image: IMAGE_LIMITS,
  zip: ZIP_LIMITS,
  maxFrames: 24 * 3600 * 30,
  maxTaken: 10_000,
  maxSeconds: 600,
};
