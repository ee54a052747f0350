import type { OcrLine, Video } from '@wbdc/data/web';
import { floats, type Floats } from '@wbdc/nn';
import { SourceError } from '@wbdc/video-features/plain';
import { TrainedError } from './errors.js';
import type { FeaturesInput, TrainedInput, VideoTexts } from './inputs.js';

/** An input on its way through a model. */
export interface Entry {
  readonly id: string;
  readonly input: TrainedInput;
  readonly texts: Pick<Video, 'title' | 'ocr' | 'asr'>;
}

/** Numbers and names inputs. @throws TrainedError `input` where one is none */
export async function* entriesOf(inputs: AsyncIterable<TrainedInput>): AsyncGenerator<Entry> {
  let index = 0;
  for await (const input of inputs) {
    assertInput(input, index);
    yield { id: input.id ?? nameOf(input) ?? String(index), input, texts: textsOfInput(input) };
    index++;
  }
}

function assertInput(input: unknown, index: number): asserts input is TrainedInput {
  const forms = ['video', 'frames', 'features'];
  const given = typeof input === 'object' && input !== null ? forms.filter((form) => form in input) : [];
  if (given.length === 1) return;
  throw new TrainedError({
    where: `input ${index}`,
    expected: 'an object with one of video, frames and features',
    got: given.length === 0 ? describe(input) : given.join(' and '),
    code: 'input',
  });
}

function describe(input: unknown): string {
  if (typeof input !== 'object' || input === null) return typeof input === 'string' ? `'${input}'` : String(input);
  return `one with ${Object.keys(input).join(', ') || 'nothing'}`;
}

function nameOf(input: TrainedInput): string | undefined {
  if (!('video' in input)) return undefined;
  const { video } = input;
  if (video instanceof URL) return plainName(decodeURIComponent(video.pathname));
  return typeof video === 'string' ? plainName(video) : undefined;
}

/** The last part of a path, without an ending. */
function plainName(path: string): string {
  const name = path
    .replace(/[/\\]+$/, '')
    .split(/[/\\]/)
    .at(-1)!;
  return name.replace(/\.[^.]{1,5}$/, '');
}

function textsOfInput({ title = '', ocr = '', asr = '' }: VideoTexts): Entry['texts'] {
  return { title, ocr: typeof ocr === 'string' ? linesOf(ocr) : ocr, asr };
}

function linesOf(text: string): OcrLine[] {
  return text === '' ? [] : [{ time: 0, text }];
}

/**
 * Features that are given as one table `[n, Dv]`.
 *
 * @throws SourceError where they are not of the model's width, or not finite
 */
export function tableOf(features: FeaturesInput['features'], width: number, name: string): Floats {
  const rows = 'shape' in features ? features.shape[0] : features.length;
  const table = floats([rows, width]);
  const fail = (expected: string, got: string): never => {
    throw new SourceError(`${name}: expected ${expected}, got ${got}. Leave the video out.`);
  };
  if ('shape' in features) {
    if (features.shape.length !== 2 || (rows > 0 && features.shape[1] !== width)) {
      fail(`frame features [n, ${width}]`, `[${features.shape.join(', ')}]`);
    }
    table.data.set(features.data);
  } else {
    features.forEach((row, i) => {
      if (row.length !== width) fail(`frame features of ${width} values`, `${row.length} in frame ${i}`);
      table.data.set(row, i * width);
    });
  }
  if (!table.data.every(Number.isFinite)) fail('finite frame features', 'NaN or infinity');
  return table;
}
