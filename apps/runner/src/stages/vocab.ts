import { join } from 'node:path';
import { wbdcLayout } from '@wbdc/data';
import { buildVocabulary } from '@wbdc/pipeline/prepare';
import { loadTokenizer, saveTokenizer } from '@wbdc/tokenizer/node';
import { counted, formatCount } from '@wbdc/report/format';
import { modelFolder } from '../core/published-model.js';
import type { StageContext, StageResult } from '../run/stage.js';
import { dataRoot, textSplits } from './data-root.js';

/** Trains the vocabulary on the training splits, or takes a published one, and measures it on all their text. */
export async function runVocabStage(context: StageContext): Promise<StageResult> {
  const { config, folder, output, signal } = context;
  const { data, vocab, text } = config;
  const root = dataRoot(context);
  const published =
    vocab.folder === undefined
      ? undefined
      : await loadTokenizer(await modelFolder('vocab.folder', vocab.folder, context), output);
  const { tokenizer, texts, tokens, unknown, splits, sample } = await buildVocabulary({
    root,
    splits: textSplits(config),
    maxBadShare: data.maxBadShare,
    vocab,
    tokenizer: published,
    cleaning: text.cleaning,
    signal,
  });
  await saveTokenizer(tokenizer, folder);
  const lines = sample.map(({ title, tokens: own }) => `${title}  ->  ${own.join(' ')}`);
  output.say(`sample   ${lines.join('\n         ')}`);
  return {
    status: 'complete',
    read: splits.map(({ split, videos, bad }) => ({
      path: wbdcLayout(root).annotations(split),
      about: counted(videos, 'video') + (bad > 0 ? `, ${bad} bad ones skipped` : ''),
    })),
    made: [
      { path: join(folder, 'vocab.txt'), about: counted(tokenizer.vocabSize, 'token') },
      { path: join(folder, 'tokenizer.json'), about: 'the same for @huggingface/tokenizers and transformers' },
    ],
    summary: {
      vocabSize: tokenizer.vocabSize,
      texts,
      tokens,
      coverage: `${((1 - unknown / Math.max(1, tokens)) * 100).toFixed(2)} % (${formatCount(unknown)} unknown)`,
    },
  };
}
