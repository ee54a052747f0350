import { resolve } from 'node:path';
import { WbdcError } from '@wbdc/io/errors';
import type { VideoTexts } from '../trained/inputs.js';
import { asrCommand, ocrCommand } from './commands.js';
import { ppOcr } from './pp-ocr.js';
import {
  recognizeTexts,
  type RecognizedVideo,
  type RecognizeOptions,
  type RecognizeTextsOptions,
} from './recognize-video.js';
import { closeRecognizers, type Recognizers } from './recognizer.js';
import { sherpaAsr } from './sherpa-asr.js';

/** Which recognisers are wanted, as a command line says it. */
export interface RecognizerChoice {
  /** true: PP-OCR by `@gutenye/ocr-node`, or the program below; anything else says nothing. */
  readonly ocr?: boolean | string | undefined;
  /** true: speech, by the model or the program below. */
  readonly asr?: boolean | string | undefined;
  /** A program that reads pictures: see {@link ocrCommand}. */
  readonly ocrCommand?: string | undefined;
  /** The folder of a model of sherpa-onnx. */
  readonly asrModel?: string | undefined;
  /** A program that writes down speech: see {@link asrCommand}. */
  readonly asrCommand?: string | undefined;
  /** The folder that a relative name of the model starts from; the working folder by default. */
  readonly from?: string;
}

/**
 * Opens what is wanted; undefined where nothing is.
 *
 * @throws WbdcError where it is not installed, the folder holds no model, or nothing says what writes down speech
 */
export async function openRecognizers(choice: RecognizerChoice): Promise<Recognizers | undefined> {
  const { ocr, asr, ocrCommand: reads, asrCommand: hears, asrModel, from = '.' } = choice;
  if (asr === true && hears === undefined && asrModel === undefined) {
    const expected = 'a model of sherpa-onnx (asr-model) or a program (asr-command) with it';
    throw new WbdcError({ where: 'asr', expected, got: 'neither', code: 'recognizer-unnamed' });
  }
  if (ocr !== true && [reads, hears, asrModel].every((one) => one === undefined)) return undefined;
  const speech = asrModel === undefined ? undefined : await sherpaAsr({ model: resolve(from, asrModel) });
  return {
    ocr: reads !== undefined ? ocrCommand(reads) : ocr === true ? await ppOcr() : undefined,
    asr: hears !== undefined ? asrCommand(hears) : speech,
  };
}

/** {@link recognizeTexts} by what is wanted, which is opened and closed; nothing is found where nothing is. */
export async function recognizeChosen<V extends RecognizedVideo>(
  videos: readonly V[],
  textOf: (video: V) => VideoTexts,
  choice: RecognizerChoice,
  options: Omit<RecognizeTextsOptions, keyof Pick<RecognizeOptions, 'recognizers'>>,
): ReturnType<typeof recognizeTexts<V>> {
  const recognizers = await openRecognizers(choice);
  if (recognizers === undefined) return new Map();
  try {
    return await recognizeTexts(videos, textOf, { ...options, recognizers });
  } finally {
    await closeRecognizers(recognizers);
  }
}
