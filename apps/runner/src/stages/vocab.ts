import { join } from 'node:path';
import { readAnnotations, SkipCounter } from '@wbdc/data';
import { Tokenizer, trainVocabulary } from '@wbdc/tokenizer';
import { loadTokenizer, saveTokenizer } from '@wbdc/tokenizer/node';
import { counted, formatCount } from '../format.js';
import { modelFolder } from '../published-model.js';
import type { Artifact, StageContext, StageResult } from '../stage.js';
import { annotationsPath, dataRoot } from './data-root.js';
import { textReader } from '@wbdc/pipeline';

interface Texts {
  readonly titles: string[];
  readonly all: string[];
  readonly read: Artifact[];
}

/** Trains the vocabulary on the training splits, or takes a published one, and measures it on all their text. */
export async function runVocabStage(context: StageContext): Promise<StageResult> {
  const { config, folder, output } = context;
  const texts = await readTexts(context);
  const published = config.vocab.folder;
  const tokenizer =
    published === undefined
      ? Tokenizer.fromVocab(trainVocabulary(texts.all, config.vocab))
      : await loadTokenizer(await modelFolder('vocab.folder', published, context));
  await saveTokenizer(tokenizer, folder);
  const { tokens, unknown } = countTokens(tokenizer, texts.all);
  output.say(
    `sample   ${sampleTitles(texts.titles)
      .map((title) => segment(tokenizer, title))
      .join('\n         ')}`,
  );
  return {
    status: 'complete',
    read: texts.read,
    made: [
      { path: join(folder, 'vocab.txt'), about: counted(tokenizer.vocabSize, 'token') },
      { path: join(folder, 'tokenizer.json'), about: 'the same for @huggingface/tokenizers and transformers' },
    ],
    summary: {
      vocabSize: tokenizer.vocabSize,
      texts: texts.all.length,
      tokens,
      coverage: `${((1 - unknown / Math.max(1, tokens)) * 100).toFixed(2)} % (${formatCount(unknown)} unknown)`,
    },
  };
}

async function readTexts(context: StageContext): Promise<Texts> {
  const { data } = context.config;
  const read = textReader(context.config.text);
  const texts: Texts = { titles: [], all: [], read: [] };
  for (const split of data.trainSplits) {
    const path = annotationsPath(dataRoot(context), split);
    const bad = new SkipCounter('records', data.maxBadShare, 'data.maxBadShare');
    let videos = 0;
    for await (const video of readAnnotations(path, { onBad: bad.add })) {
      context.signal.throwIfAborted();
      videos++;
      texts.titles.push(read(video)['title']);
      texts.all.push(...Object.values(read(video)));
    }
    bad.check(videos + bad.count);
    texts.read.push({
      path,
      about: counted(videos, 'video') + (bad.count > 0 ? `, ${bad.count} bad ones skipped` : ''),
    });
  }
  return texts;
}

function countTokens(tokenizer: Tokenizer, texts: readonly string[]): { tokens: number; unknown: number } {
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
  return [0.1, 0.5, 0.9].flatMap((place) => filled.slice(Math.floor(place * filled.length)).slice(0, 1));
}

function segment(tokenizer: Tokenizer, text: string): string {
  return `${text}  ->  ${tokenizer
    .encode(text)
    .map((id) => tokenizer.vocab[id])
    .join(' ')}`;
}
