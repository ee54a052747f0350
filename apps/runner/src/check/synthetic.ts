import { collate, type Example } from '@wbdc/data';
import { floats, foldIn, randomInt, uniform, type Batch, type Key } from '@wbdc/nn';
import { packTokens, Tokenizer } from '@wbdc/tokenizer';
import type { Config } from '../config/schema.js';
import { layoutOf } from '../stages/video-set.js';

const SPECIAL = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];
/** The first Chinese character of Unicode, and how many follow it. */
const [FIRST, CHARACTERS] = [0x4e00, 20_000];

/** A tokenizer of so many entries: characters, then characters inside a word. */
export function syntheticTokenizer(size: number): Tokenizer {
  const ordinary = Array.from({ length: size - SPECIAL.length }, (_, i) => {
    const round = Math.floor(i / CHARACTERS);
    return '##'.repeat(round) + String.fromCodePoint(FIRST + (i % CHARACTERS));
  });
  return Tokenizer.fromVocab([...SPECIAL, ...ordinary]);
}

/** Random videos that fill every limit of a configuration: text to its budget, all frames, a few tags. */
export function syntheticBatch(
  { text, frames }: Pick<Config, 'text' | 'frames'>,
  tokenizer: Tokenizer,
  sizes: { readonly videos: number; readonly frameSize: number; readonly tagCount: number },
  key: Key,
): Batch {
  const examples = Array.from({ length: sizes.videos }, (_, i): Example => {
    const own = foldIn(key, i);
    const words = (field: string): number[] =>
      Array.from({ length: text.budget }, (_, place) => ordinaryToken(tokenizer, foldIn(own, field), place));
    const fields = Object.fromEntries(text.fields.map((field) => [field, words(field)]));
    const layout = layoutOf(text);
    return {
      id: String(i),
      ...packTokens(tokenizer.special, fields, layout),
      frames: randomFrames(foldIn(own, 'frames'), frames.limit, sizes.frameSize),
      ...(sizes.tagCount > 0 && { tags: [randomInt(foldIn(own, 'tag'), 0, sizes.tagCount)] }),
    };
  });
  return collate(examples);
}

function ordinaryToken({ vocabSize }: Tokenizer, key: Key, place: number): number {
  return SPECIAL.length + randomInt(key, place, vocabSize - SPECIAL.length);
}

function randomFrames(key: Key, count: number, width: number) {
  const values = Float32Array.from({ length: count * width }, (_, i) => 2 * uniform(key, i) - 1);
  return floats([count, width], values);
}
