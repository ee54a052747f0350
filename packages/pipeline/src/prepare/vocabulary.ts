import { readAnnotations, SkipCounter, wbdcLayout } from '@wbdc/data';
import { Tokenizer, trainVocabulary } from '@wbdc/tokenizer';
import type { TextSettings } from '../settings/text.js';
import type { VocabSettings } from '../settings/vocab.js';
import { textReader } from '../text.js';
import { MAX_BAD_SHARE, type DataSplits } from './check-wbdc.js';

export interface BuildVocabularyOptions extends DataSplits {
  /** Sizes of the vocabulary to train. */
  readonly vocab: Pick<VocabSettings, 'size' | 'minFrequency'>;
  /** Measured in place of a trained one: that of a published model. */
  readonly tokenizer?: Tokenizer | undefined;
  /** What is done to texts before. Default: nothing. */
  readonly cleaning?: TextSettings['cleaning'];
}

/** How a vocabulary covers a corpus. */
export interface VocabularyCoverage {
  readonly tokens: number;
  /** Tokens that are `[UNK]`. */
  readonly unknown: number;
}

export interface BuiltVocabulary extends VocabularyCoverage {
  readonly tokenizer: Tokenizer;
  /** Titles, OCR and ASR together; empty ones count. */
  readonly texts: number;
  /** What was read. */
  readonly splits: readonly { readonly split: string; readonly videos: number; readonly bad: number }[];
  /** Three titles spread over the data with their tokens, to look at. */
  readonly sample: readonly { readonly title: string; readonly tokens: readonly string[] }[];
}

/**
 * Trains a BERT WordPiece vocabulary on title, OCR and ASR of the annotations of some splits, and measures it on them.
 *
 * @throws DataError when too many records are bad; the signal's reason when it is aborted
 */
export async function buildVocabulary(options: BuildVocabularyOptions): Promise<BuiltVocabulary> {
  const { titles, texts, splits } = await readTexts(options);
  const tokenizer = options.tokenizer ?? Tokenizer.fromVocab(trainVocabulary(texts, options.vocab));
  const sample = sampleTitles(titles).map((title) => ({
    title,
    tokens: tokenizer.encode(title).map((id) => tokenizer.vocab[id]),
  }));
  return { tokenizer, texts: texts.length, splits, sample, ...coverageOf(tokenizer, texts) };
}

async function readTexts(options: BuildVocabularyOptions) {
  const { root, maxBadShare = MAX_BAD_SHARE, cleaning = null, signal } = options;
  const read = textReader({ cleaning });
  const titles: string[] = [];
  const texts: string[] = [];
  const splits: BuiltVocabulary['splits'][number][] = [];
  for (const split of options.splits) {
    const bad = new SkipCounter('records', maxBadShare, 'maxBadShare');
    let videos = 0;
    for await (const video of readAnnotations(wbdcLayout(root).annotations(split), { onBad: bad.add })) {
      signal?.throwIfAborted();
      videos++;
      const fields = read(video);
      titles.push(fields['title']);
      texts.push(...Object.values(fields));
    }
    bad.check(videos + bad.count);
    splits.push({ split, videos, bad: bad.count });
  }
  return { titles, texts, splits };
}

function coverageOf(tokenizer: Tokenizer, texts: readonly string[]): VocabularyCoverage {
  const count = { tokens: 0, unknown: 0 };
  for (const text of texts) {
    const ids = tokenizer.encode(text);
    count.tokens += ids.length;
    count.unknown += ids.filter((id) => id === tokenizer.special.unk).length;
  }
  return count;
}

/** Three titles spread over the data, none empty. */
function sampleTitles(titles: readonly string[]): string[] {
  const filled = titles.filter((title) => title.trim() !== '');
  return [0.1, 0.5, 0.9].flatMap((share) => filled.slice(Math.floor(share * filled.length)).slice(0, 1));
}
