/// <reference lib="esnext.disposable" preserve="true" />
import type { OcrLine } from '@wbdc/data/web';
import type { Image } from '@wbdc/video-features/plain';

/** A frame to read text in. */
export interface RecognizedFrame {
  readonly image: Image;
  /** Seconds from the start; of pictures without times their number. */
  readonly time: number;
}

/** A video's sound: one channel of 16,000 values a second, from -1 to 1. */
export interface Sound {
  readonly samples: Float32Array;
  readonly sampleRate: number;
}

/** What is known of a call. */
export interface RecognizeContext {
  /** The video's id or path, for messages. */
  readonly id: string;
  readonly signal?: AbortSignal | undefined;
}

/** Reads the text in pictures: what is read by eye, line by line. */
export interface TextReader {
  /** With its version: what it has read is kept under this name, and read again under another one. */
  readonly name: string;
  read(frames: readonly RecognizedFrame[], context: RecognizeContext): Promise<readonly OcrLine[]>;
  close?(): Promise<void>;
}

/** Writes down what is said. */
export interface SpeechReader {
  /** With its version and model, see {@link TextReader.name}. */
  readonly name: string;
  listen(sound: Sound, context: RecognizeContext): Promise<string>;
  close?(): Promise<void>;
}

/** What gives videos their texts; one that is not there gives none. */
export interface Recognizers {
  readonly ocr?: TextReader | undefined;
  readonly asr?: SpeechReader | undefined;
}

/** Ends both. */
export async function closeRecognizers({ ocr, asr }: Recognizers): Promise<void> {
  await Promise.all([ocr?.close?.(), asr?.close?.()]);
}

/**
 * Lines of several frames as lines of a video: one that stands in frame after frame counts once, at its first time.
 * What differs by white space alone is the same.
 */
export function mergeLines(lines: readonly OcrLine[]): OcrLine[] {
  const seen = new Set<string>();
  return lines.flatMap(({ time, text }) => {
    const plain = text.replace(/\s+/gu, ' ').trim();
    const key = plain.replaceAll(' ', '');
    if (key === '' || seen.has(key)) return [];
    seen.add(key);
    return [{ time, text: plain }];
  });
}
