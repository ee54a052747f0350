import { STAGE_TITLES } from '../run/names.js';
import type { Stage } from '../run/stage.js';
import { textSplits } from '../stages/data-root.js';
import { dataParts } from './data-parts.js';

export const vocabStage: Stage = {
  name: 'vocab',
  title: STAGE_TITLES.vocab,
  description:
    'Trains a BERT WordPiece vocabulary on title, OCR and ASR of the training splits. Writes vocab.txt, ' +
    'tokenizer.json and tokenizer_config.json to runs/<name>/vocab; transformers and @huggingface/tokenizers load ' +
    'them.',
  examples: [
    ['npx wbdc vocab --config apps/runner/configs/demo.yaml', 'train on the demo data'],
    ['npx wbdc vocab --name small --set vocab.size=2000', 'a smaller vocabulary'],
    ['npx wbdc vocab --config my.yaml --overwrite', 'train again; the old one is renamed'],
  ],
  needs: ['data'],
  reads: (config) => dataParts(config, ['texts'], textSplits(config)),
  files: ({ vocab }) => ({ 'vocab.folder': vocab.folder }),
  needsEngine: false,
  settings: ({ vocab, data, corpus, text: { cleaning } }) => ({
    vocab,
    data: { trainSplits: data.trainSplits },
    ...(corpus && { corpus: { splits: corpus.splits } }),
    ...(cleaning && { text: { cleaning } }),
  }),
  run: async (context) => (await import('../stages/vocab.js')).runVocabStage(context),
};
