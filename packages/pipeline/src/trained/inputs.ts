import type { OcrLine } from '@wbdc/data/web';
import type { Floats } from '@wbdc/nn';
import type { Pixels } from '@wbdc/video-features/plain';

/** The texts of a video; what is missing is empty. */
export interface VideoTexts {
  readonly title?: string;
  /** Text in its pictures: as one text, or line by line with the second at which it stood there. */
  readonly ocr?: string | readonly OcrLine[];
  /** What is said in it. */
  readonly asr?: string;
}

interface Named extends VideoTexts {
  /** Default: the name of the file without its ending, or the number of the input, from 0. */
  readonly id?: string;
}

/** A video file, an animated GIF or WebP, a zip of pictures, or a folder of pictures. In Node only. */
export interface FileInput extends Named {
  /** A path, the contents of a file, or, with `remote` of `OpenTrainedOptions`, an address (https, s3). */
  readonly video: string | URL | Uint8Array | ArrayBuffer;
}

/** A video whose frames are decoded already. */
export interface FramesInput extends Named {
  /** In their order: RGB or RGBA bytes, such as an `ImageData` holds. */
  readonly frames: readonly Pixels[];
}

/** A video whose frames were through the model's vision tower. */
export interface FeaturesInput extends Named {
  /** `[n, Dv]`; n = 0 for a video without frames. */
  readonly features: Floats | readonly ArrayLike<number>[];
}

/** A video, in any form a model takes. */
export type TrainedInput = FileInput | FramesInput | FeaturesInput;

/** One after another; nothing is read further ahead than the next batches need. */
export type TrainedInputs = Iterable<TrainedInput> | AsyncIterable<TrainedInput>;
