import { decodeFrames, type DecodedVideo, type FrameDraw } from './decode-frames.js';
import type { Preprocessing } from './pixels.js';
import { cropForTower } from './preprocess.js';
import type { Sampling } from './sampling.js';
import { openFrameBytes, openFrameSource, type OpenOptions } from './sources/open.js';
import { SOURCE_LIMITS } from './sources/source.js';

/** A video by its id and where it lies: a folder or zip of pictures, an animation, a video file. */
export interface VideoInput {
  readonly id: string;
  /** Where it lies; with `bytes`, what to call it in errors. */
  readonly path: string;
  /** The contents of the file, where they are in memory. */
  readonly bytes?: Uint8Array;
}

/** How videos become pixels. */
export interface DecodeSettings extends OpenOptions {
  readonly preprocessing: Preprocessing;
  readonly sampling: Sampling;
  /** In training: not all of the sampled frames, or other squares of them. */
  readonly draw?: FrameDraw;
}

/** Anything that decodes videos: this thread ({@link decodeVideo}) or others. */
export type DecodeVideo = (video: VideoInput, settings: DecodeSettings) => Promise<DecodedVideo>;

/**
 * Opens a video, samples, decodes, resizes and crops.
 *
 * @throws SourceError when the content is at fault, also when there is not one frame
 */
export const decodeVideo: DecodeVideo = async ({ id, path, bytes }, settings) => {
  const source = await (bytes ? openFrameBytes(bytes, path, settings) : openFrameSource(path, settings));
  const { preprocessing, sampling, draw, limits = SOURCE_LIMITS } = settings;
  try {
    return await decodeFrames(id, source, {
      sampling,
      draw,
      imageSize: preprocessing.imageSize,
      maxTaken: limits.maxTaken,
      crop: (image, place) => cropForTower(image, preprocessing, place),
    });
  } finally {
    await source.close();
  }
};
