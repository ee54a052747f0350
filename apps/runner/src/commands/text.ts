import { bertSettings, corpusText } from '@wbdc/pipeline/settings';
import { STAGE_TITLES } from '../run/names.js';
import type { Stage } from '../run/stage.js';
import { dataParts } from './data-parts.js';
import { trainingSettings } from './training-settings.js';

export const textStage: Stage = {
  name: 'text',
  title: STAGE_TITLES.text,
  description:
    'Pretrains a BERT of the model’s sizes on texts without frames (corpus.splits: annotations with titles and other ' +
    'texts), by masked words; pretrain then starts from it. The larger embedded data set (data.set: large) brings ' +
    'words with their definitions. Writes checkpoints, metrics.jsonl and report.html to runs/<name>/text.',
  examples: [
    ['npx wbdc text --config my.yaml --set data.set=large --set corpus={}', 'on the embedded definitions'],
    ['npx wbdc text --config my.yaml --resume', 'go on after an interruption'],
  ],
  needs: ['data', 'vocab'],
  absentFor: ({ corpus }) => (corpus === null ? 'the configuration names no corpus' : undefined),
  reads: (config) => {
    const { splits, heldOutSplits } = config.corpus!;
    return dataParts(config, ['videos', 'texts'], [...splits, ...heldOutSplits]);
  },
  files: ({ model }) => ({ 'model.init': model.init }),
  needsEngine: true,
  trains: true,
  settings: ({ seed, text, model, corpus }) => ({
    ...{ seed, text: corpusText(text), model: bertSettings(model) },
    // Whether pretraining starts from it says nothing of itself.
    corpus: corpus && { ...corpus, start: true, train: trainingSettings(corpus.train) },
  }),
  run: async (context) => (await import('../stages/text.js')).runTextStage(context),
};
