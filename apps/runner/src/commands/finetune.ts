import type { DataPart } from '@wbdc/pipeline/contents';
import { decisivePlaces, namedStores } from '@wbdc/pipeline/places';
import type { Config } from '../config/schema.js';
import { STAGE_TITLES } from '../run/names.js';
import type { Stage } from '../run/stage.js';
import { dataParts } from './data-parts.js';
import { featuresOf } from './in-records.js';
import { decisiveFeatures, trainingSettings } from './training-settings.js';

export const finetuneStage: Stage = {
  name: 'finetune',
  title: STAGE_TITLES.finetune,
  description:
    'Finetunes the pretrained model (finetune.init) for categories (finetune.kind: category; WBDC 2022) or for ' +
    'similarity of pairs (similarity; QQ AIAC 2021). Measures on held-out labels beside what needs no model, and ' +
    'predicts the held-out splits: result.csv with probabilities, or result.zip with embeddings. Writes those, ' +
    'scores.json, checkpoints, metrics.jsonl and report.html to runs/<name>/finetune.',
  examples: [
    ['npx wbdc finetune --config apps/runner/configs/demo.yaml', 'categories of the demo data'],
    ['npx wbdc finetune --config my.yaml --name sim --set finetune.kind=similarity', 'embeddings instead'],
    ['npx wbdc finetune --config my.yaml --name scratch --set finetune.init=none', 'without pretraining'],
  ],
  needs: ['data', 'vocab'],
  alsoNeeds: (config) => [
    ...(config.finetune.vision === null || readsDemoPairs(config) ? featuresOf(config) : []),
    ...(config.finetune.vision !== null && config.features.tower === null ? (['clip'] as const) : []),
    ...(['pretrain', 'text'] as const).filter((stage) => stage === config.finetune.init),
  ],
  reads: (config) => {
    const { data, finetune } = config;
    const learned = [...finetune.splits, ...(finetune.distill?.splits ?? []), ...finetune.predict];
    const kinds = ['videos', 'texts', 'groups', ...LABELS[finetune.kind]] as const;
    return [
      ...dataParts(config, kinds, [...learned, ...data.heldOutSplits]),
      ...(finetune.vision ? dataParts(config, ['frames'], [...learned, ...data.heldOutSplits]) : []),
      ...(finetune.kind === 'category' ? truthOf(config) : pairsOf(config)),
    ];
  },
  files: ({ data, finetune, model, features }) => ({
    ...(finetune.vision === null && namedStores(data)),
    ...(!['pretrain', 'text', 'none'].includes(finetune.init) && { 'finetune.init': finetune.init }),
    ...(finetune.init === 'none' && { 'model.init': model.init, 'model.videoInit': model.videoInit }),
    ...(finetune.vision && { 'features.tower': features.tower }),
    'finetune.pairs.train': finetune.pairs?.train,
    'finetune.pairs.heldOut': finetune.pairs?.heldOut,
    ...Object.fromEntries((finetune.distill?.from ?? []).map((path, i) => [`finetune.distill.from.${i}`, path])),
  }),
  needsEngine: true,
  trains: true,
  settings: ({ seed, data, text, frames, model, finetune, clip, features }) => ({
    seed,
    data: decisivePlaces({ ...data, ...(finetune.vision === null ? { frames: null } : { features: null }) }),
    text,
    frames,
    model,
    finetune: {
      ...trainingSettings(finetune),
      // Where the best measurements are averaged, their cadence decides what is learned.
      ...(finetune.averageBest !== null && { evaluateEvery: finetune.evaluateEvery }),
    },
    ...(finetune.vision !== null && { vision: clip.vision, features: decisiveFeatures(features) }),
  }),
  run: async (context) => (await import('../stages/finetune/finetune.js')).runFinetuneStage(context),
};

const LABELS = { category: ['labels'], tags: ['tags'], similarity: [] } as const;

/** The categories of held-out videos, and what categories are called. */
function truthOf({ data }: Config): DataPart[] {
  if (data.layout === 'aiac') return [];
  return [...data.heldOutSplits.map((split) => ({ kind: 'truth' as const, split })), { kind: 'category names' }];
}

/** Pairs of the AIAC layout, where no others are named. */
function pairsOf({ data, finetune }: Config): DataPart[] {
  if (data.layout !== 'aiac' || finetune.pairs !== null) return [];
  return ['pairwise', data.heldOutSplits[0]].map((split) => ({ kind: 'pairs', split }));
}

/** The embedded data set makes its pairs from features. */
function readsDemoPairs({ finetune, data }: Config): boolean {
  return finetune.kind === 'similarity' && finetune.pairs === null && data.folder === null;
}
