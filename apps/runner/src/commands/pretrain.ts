import { decisivePlaces, namedStores } from '@wbdc/pipeline/places';
import { STAGE_TITLES } from '../run/names.js';
import type { Stage } from '../run/stage.js';
import { dataParts } from './data-parts.js';
import { featuresOf } from './in-records.js';
import { trainingSettings } from './training-settings.js';

export const pretrainStage: Stage = {
  name: 'pretrain',
  title: STAGE_TITLES.pretrain,
  description:
    'Pretrains the single-stream model over text and frame features on the tasks of the configuration (mlm, mfm, ' +
    'tag). Measures every task on the held-out splits beside a trivial baseline. Writes checkpoints, metrics.jsonl ' +
    'and report.html to runs/<name>/pretrain.',
  examples: [
    ['npx wbdc pretrain --config apps/runner/configs/demo.yaml', 'train on the demo data'],
    ['npx wbdc pretrain --config my.yaml --name no-mfm --set tasks.mfm=null', 'without one task'],
    ['npx wbdc pretrain --config my.yaml --resume', 'go on after an interruption'],
  ],
  needs: ['data', 'vocab'],
  alsoNeeds: (config) => [...featuresOf(config), ...(config.corpus?.start ? (['text'] as const) : [])],
  reads: (config) => {
    const { data, train, tasks } = config;
    const read = [...(train.splits ?? data.trainSplits), ...data.heldOutSplits];
    return [
      ...dataParts(config, ['videos', 'texts'], read),
      // The tags that count are chosen among all that may be learned from.
      ...(tasks.tag ? dataParts(config, [tasks.tag.of === 'tags' ? 'tags' : 'labels']) : []),
      ...(tasks.tag?.of === 'tags' && data.layout === 'aiac' ? [{ kind: 'tag list' } as const] : []),
    ];
  },
  files: ({ data, model, train, corpus }) => ({
    ...namedStores(data),
    ...(!corpus?.start && { 'model.init': model.init }),
    ...{ 'train.init': train.init, 'model.videoInit': model.videoInit },
  }),
  needsEngine: true,
  trains: true,
  settings: ({ seed, data, text, frames, model, tasks, views, train, corpus }) => ({
    seed,
    data: decisivePlaces({ ...data, frames: null }),
    text,
    frames,
    model,
    tasks,
    views,
    train: trainingSettings(train),
    // What its weights are is the text stage's to say.
    ...(corpus?.start && { corpus: { start: true } }),
  }),
  run: async (context) => (await import('../stages/pretrain.js')).runPretrainStage(context),
};
