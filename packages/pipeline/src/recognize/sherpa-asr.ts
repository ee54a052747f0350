import { readdir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { WbdcError } from '@wbdc/io/errors';
import { importPeer } from './peer.js';
import type { SpeechReader } from './recognizer.js';

const PACKAGE = 'sherpa-onnx-node';
const VERSION = '1.13.8';

/** What is used of sherpa-onnx-node. */
interface Stream {
  acceptWaveform(sound: { readonly sampleRate: number; readonly samples: Float32Array }): void;
}
interface OfflineRecognizer {
  createStream(): Stream;
  decode(stream: Stream): void;
  getResult(stream: Stream): { readonly text?: unknown };
}
type RecognizerClass = new (config: object) => OfflineRecognizer;

export interface SherpaAsrOptions {
  /**
   * The folder of a model: `tokens.txt` with `model.onnx` (SenseVoice, Paraformer), or with an encoder and a decoder
   * (Whisper).
   */
  readonly model: string;
  /** Threads; 2. */
  readonly threads?: number;
  /** Gives the package, where it is not found by its name. */
  readonly load?: () => Promise<unknown>;
}

/**
 * Speech by `sherpa-onnx-node`, an optional package, and a model in a folder, such as `wbdc download` leaves.
 *
 * @throws WbdcError `recognizer-missing` where the package is not installed, `recognizer-model` where the folder holds
 *   none of the models above
 */
export async function sherpaAsr({ model, threads = 2, load = loadPackage }: SherpaAsrOptions): Promise<SpeechReader> {
  const config = await configOf(resolve(model), threads);
  const module = await importPeer(PACKAGE, VERSION, load);
  // A CommonJS package: its names are those of its default export.
  const { OfflineRecognizer: Recognizer } = { ...(module as { default?: object }).default, ...module } as {
    readonly OfflineRecognizer?: RecognizerClass;
  };
  if (typeof Recognizer !== 'function') {
    const got = `one with ${Object.keys(module).slice(0, 8).join(', ') || 'nothing'}`;
    const expected = `its class 'OfflineRecognizer', as in ${VERSION}`;
    throw new WbdcError({ where: PACKAGE, expected, got, code: 'recognizer-missing' });
  }
  const recognizer = new Recognizer(config);
  return {
    name: `sherpa-onnx, ${basename(model)}`,
    listen: (sound) => {
      const parts: string[] = [];
      // Such models are made for sentences: minutes at once would take gigabytes.
      const most = SECONDS * sound.sampleRate;
      for (let start = 0; start < sound.samples.length; start += most) {
        const stream = recognizer.createStream();
        const samples = sound.samples.slice(start, start + most);
        stream.acceptWaveform({ sampleRate: sound.sampleRate, samples });
        recognizer.decode(stream);
        const { text } = recognizer.getResult(stream);
        if (typeof text === 'string') parts.push(text.trim());
      }
      return Promise.resolve(parts.filter((part) => part !== '').join(' '));
    },
  };
}

const SECONDS = 25;

function loadPackage(): Promise<unknown> {
  const name: string = PACKAGE;
  return import(name);
}

/** The configuration of an OfflineRecognizer by the names of a model's files; of int8 and float32 it takes int8. */
async function configOf(folder: string, threads: number): Promise<object> {
  const names = (await readdir(folder).catch(() => [])).sort();
  const find = (part: RegExp): string | undefined => {
    const fitting = names.filter((name) => part.test(name));
    const name = fitting.find((one) => one.includes('int8')) ?? fitting[0];
    return name === undefined ? undefined : join(folder, name);
  };
  const tokens = find(/tokens\.txt$/);
  const [model, encoder, decoder] = [find(/^model.*\.onnx$/), find(/encoder.*\.onnx$/), find(/decoder.*\.onnx$/)];
  const about = `${basename(folder)} ${names.join(' ')}`.toLowerCase();
  const described =
    model === undefined
      ? encoder !== undefined && decoder !== undefined && { whisper: { encoder, decoder, task: 'transcribe' } }
      : about.includes('paraformer')
        ? { paraformer: { model } }
        : { senseVoice: { model, useInverseTextNormalization: 1 } };
  if (tokens === undefined || described === false) {
    throw new WbdcError({
      where: folder,
      expected: 'a model of sherpa-onnx: tokens.txt with model.onnx, or with an encoder and a decoder',
      got: names.slice(0, 8).join(', ') || 'none',
      code: 'recognizer-model',
    });
  }
  const modelConfig = { ...described, tokens, numThreads: threads, provider: 'cpu', debug: 0 };
  return { featConfig: { sampleRate: 16_000, featureDim: 80 }, modelConfig };
}
