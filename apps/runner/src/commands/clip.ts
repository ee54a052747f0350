import { decisivePlaces } from '@wbdc/pipeline/places';
import { STAGE_TITLES } from '../run/names.js';
import type { Stage } from '../run/stage.js';
import { dataParts } from './data-parts.js';
import { inRecords } from './in-records.js';
import { trainingSettings } from './training-settings.js';

export const clipStage: Stage = {
  name: 'clip',
  title: STAGE_TITLES.clip,
  description:
    'The CLIP stage: a CLIP-shaped vision transformer over a few random frames per video and a text BERT over ' +
    'the title learn to match (symmetric InfoNCE, learnable temperature). Measures held-out image-to-text recall@1 ' +
    'and @10 beside chance. Writes checkpoints, metrics.jsonl and report.html to runs/<name>/clip.',
  examples: [
    ['npx wbdc clip --config apps/runner/configs/demo.yaml', 'train on the demo data'],
    ['npx wbdc clip --config my.yaml --set clip.epochs=5', 'with one setting changed'],
    ['npx wbdc clip --config my.yaml --resume', 'go on after an interruption'],
  ],
  needs: ['data', 'vocab'],
  reads: (config) => dataParts(config, ['videos', 'texts', 'frames']),
  files: ({ clip }) => ({ 'clip.vision.init': clip.vision.init, 'clip.text.init': clip.text.init }),
  absentFor: inRecords,
  needsEngine: true,
  trains: true,
  settings: ({ seed, clip, data, text: { cleaning } }) => ({
    seed,
    data: decisivePlaces({ ...data, features: null }),
    clip: trainingSettings(clip),
    ...(cleaning && { text: { cleaning } }),
  }),
  run: async (context) => (await import('../stages/clip.js')).runClipStage(context),
};
