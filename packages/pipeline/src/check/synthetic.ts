import { collate, type Example } from '@wbdc/data/web';
import { floats, foldIn, ints, randomInt, sizeOf, uniform, type Batch, type Key } from '@wbdc/nn';
import type { ClipBatch } from '@wbdc/pretrain-tasks/clip';
import { packTokens, Tokenizer } from '@wbdc/tokenizer';
import type { ClipSettings } from '../settings/clip.js';
import type { FrameSettings } from '../settings/frames.js';
import type { TextSettings } from '../settings/text.js';
import { layoutOf } from '../text.js';

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
  { text, frames }: { readonly text: TextSettings; readonly frames: FrameSettings },
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

/** Random pictures and titles that fill every limit of the CLIP stage. */
export function syntheticClipBatch(
  { vision, text, framesPerVideo }: ClipSettings,
  { videos, vocabSize }: { readonly videos: number; readonly vocabSize: number },
  key: Key,
): ClipBatch {
  const tokens = ints([videos, text.budget]);
  for (let place = 0; place < tokens.data.length; place++) {
    tokens.data[place] = SPECIAL.length + randomInt(foldIn(key, 'text'), place, vocabSize - SPECIAL.length);
  }
  const shape = [videos * framesPerVideo, 3, vision.imageSize, vision.imageSize];
  return {
    ids: Array.from({ length: videos }, String),
    pixels: floats(shape, randomFrames(foldIn(key, 'pixels'), sizeOf(shape), 1).data),
    owner: Int32Array.from({ length: shape[0] }, (_, frame) => Math.floor(frame / framesPerVideo)),
    tokens,
    segments: ints(tokens.shape),
    textMask: ints(tokens.shape, new Int32Array(tokens.data.length).fill(1)),
  };
}

function ordinaryToken({ vocabSize }: Tokenizer, key: Key, place: number): number {
  return SPECIAL.length + randomInt(key, place, vocabSize - SPECIAL.length);
}

function randomFrames(key: Key, count: number, width: number) {
  const values = Float32Array.from({ length: count * width }, (_, i) => 2 * uniform(key, i) - 1);
  return floats([count, width], values);
}
