import type { Stage } from '../stage.js';
import { featuresOf } from './in-records.js';
import { trainingSettings } from './training-settings.js';

export const finetuneStage: Stage = {
  name: 'finetune',
  title: 'finetune the model on labelled videos or pairs',
  description:
    'Finetunes the pretrained model (finetune.init) for categories (finetune.kind: category; WBDC 2022) or for similarity ' +
    'of pairs (similarity; QQ AIAC 2021). Measures on held-out labels beside trivial baselines and predicts the held-out ' +
    'splits: result.csv with probabilities, or result.zip with embeddings. Writes those, scores.json, checkpoints, ' +
    'metrics.jsonl and report.html to runs/<name>/finetune.',
  examples: [
    ['npx wbdc finetune --config apps/runner/configs/demo.yaml', 'categories of the demo data'],
    ['npx wbdc finetune --config my.yaml --name sim --set finetune.kind=similarity', 'embeddings instead'],
    ['npx wbdc finetune --config my.yaml --name scratch --set finetune.init=none', 'without pretraining'],
  ],
  needs: ['data', 'vocab'],
  alsoNeeds: (config) => [
    ...featuresOf(config),
    ...(config.finetune.init === 'pretrain' ? (['pretrain'] as const) : []),
  ],
  needsEngine: true,
  settings: ({ seed, data, text, frames, model, finetune }) => ({
    seed,
    data: { trainSplits: data.trainSplits, heldOutSplits: data.heldOutSplits },
    text,
    frames,
    model,
    finetune: trainingSettings(finetune),
  }),
  run: async (context) => (await import('../stages/finetune/finetune.js')).runFinetuneStage(context),
};
