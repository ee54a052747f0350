import { readAnnotations, SkipCounter, wbdcLayout, type OnBad } from '@wbdc/data';
import { Tokenizer, vocabularyTrainer } from '@wbdc/tokenizer';
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
 * The annotations are read twice, so that no text stays in memory: only words and their counts do.
 *
 * @throws DataError when too many records are bad; the signal's reason when it is aborted
 */
export async function buildVocabulary(options: BuildVocabularyOptions): Promise<BuiltVocabulary> {
  const { maxBadShare = MAX_BAD_SHARE, vocab, signal } = options;
  const trainer = options.tokenizer ? undefined : vocabularyTrainer(vocab);
  const splits: BuiltVocabulary['splits'][number][] = [];
  let titles = 0;
  for (const split of options.splits) {
    const bad = new SkipCounter('records', maxBadShare, 'maxBadShare');
    let videos = 0;
    for await (const fields of readFields(options, split, bad.add)) {
      signal?.throwIfAborted();
      videos++;
      if (isFilled(fields['title'])) titles++;
      for (const text of Object.values(fields)) trainer?.add(text);
    }
    bad.check(videos + bad.count);
    splits.push({ split, videos, bad: bad.count });
  }
  const tokenizer = options.tokenizer ?? Tokenizer.fromVocab(trainer!.train());
  return { tokenizer, splits, ...(await measure(tokenizer, options, titles)) };
}

function readFields(options: BuildVocabularyOptions, split: string, onBad: OnBad) {
  const { root, cleaning = null } = options;
  const read = textReader({ cleaning });
  const videos = readAnnotations(wbdcLayout(root).annotations(split), { onBad });
  return (async function* () {
    for await (const video of videos) yield read(video);
  })();
}

/** @param titles how many are not empty */
async function measure(
  tokenizer: Tokenizer,
  options: BuildVocabularyOptions,
  titles: number,
): Promise<Omit<BuiltVocabulary, 'tokenizer' | 'splits'>> {
  const shown = new Set([0.1, 0.5, 0.9].map((share) => Math.floor(share * titles)));
  const sample: BuiltVocabulary['sample'][number][] = [];
  const count = { texts: 0, tokens: 0, unknown: 0 };
  let filled = 0;
  for (const split of options.splits) {
    for await (const { title, ...others } of readFields(options, split, () => undefined)) {
      options.signal?.throwIfAborted();
      for (const text of [title, ...Object.values(others)]) {
        const ids = tokenizer.encode(text);
        count.texts++;
        count.tokens += ids.length;
        count.unknown += ids.filter((id) => id === tokenizer.special.unk).length;
      }
      if (!isFilled(title) || !shown.has(filled++)) continue;
      sample.push({ title, tokens: tokenizer.encode(title).map((id) => tokenizer.vocab[id]) });
    }
  }
  return { ...count, sample };
}

function isFilled(title: string): boolean {
  return title.trim() !== '';
}
