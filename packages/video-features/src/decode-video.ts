import { SourceError } from './errors.js';
import { cropForTower, type Preprocessing } from './preprocess.js';
import { sampleFrames, type Sampling } from './sampling.js';
import { openFrameSource, type OpenOptions } from './sources/open.js';
import { SOURCE_LIMITS } from './sources/source.js';

/** A video by its id and where it lies: a folder or zip of pictures, an animation, a video file. */
export interface VideoInput {
  readonly id: string;
  readonly path: string;
}

/** The sampled frames of a video as the tower sees them, still in bytes. Plain data: it crosses threads. */
export interface DecodedVideo {
  readonly id: string;
  /** n, at least 1. */
  readonly count: number;
  /** `[n, S, S, 3]` */
  readonly pixels: Uint8Array;
  /** Seconds from the start of each sampled frame, where the source has times. */
  readonly times?: readonly number[];
}

/** How videos become pixels. */
export interface DecodeSettings extends OpenOptions {
  readonly preprocessing: Preprocessing;
  readonly sampling: Sampling;
}

/** Anything that decodes videos: this thread ({@link decodeVideo}) or others. */
export type DecodeVideo = (video: VideoInput, settings: DecodeSettings) => Promise<DecodedVideo>;

/**
 * Opens a video, samples, decodes, resizes and crops.
 *
 * @throws SourceError when the content is at fault, also when there is not one frame
 */
export const decodeVideo: DecodeVideo = async ({ id, path }, settings) => {
  const source = await openFrameSource(path, settings);
  try {
    const places = sampleFrames(settings.sampling, source, id);
    if (places.length === 0) {
      throw new SourceError(`${path}: expected at least one frame, got none. Leave the video out.`);
    }
    const { maxTaken } = settings.limits ?? SOURCE_LIMITS;
    if (places.length > maxTaken) {
      throw new SourceError(
        `${path}: expected at most ${maxTaken} sampled frames, got ${places.length}. Sample fewer.`,
      );
    }
    const size = settings.preprocessing.imageSize ** 2 * 3;
    const pixels = new Uint8Array(places.length * size);
    let count = 0;
    for await (const image of source.read(places)) {
      pixels.set((await cropForTower(image, settings.preprocessing)).data, size * count++);
    }
    const { times } = source;
    return { id, count, pixels, ...(times && { times: places.map((place) => times[place]) }) };
  } finally {
    await source.close();
  }
};
