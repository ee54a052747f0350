import { decisivePlaces } from '@wbdc/pipeline/places';
import { MERGE_TITLE, STAGE_TITLES } from '../run/names.js';
import type { Stage } from '../run/stage.js';
import { dataParts } from './data-parts.js';
import { hasFeatures } from './in-records.js';
import { decisiveFeatures } from './training-settings.js';

export const featuresStage: Stage = {
  name: 'features',
  title: STAGE_TITLES.features,
  description:
    'Runs the vision tower of the clip stage, or a published one (features.tower), over the frames of every split ' +
    'and stores float16 features by video id in the official layout: runs/<name>/features/<split>.zip with <id>.npy. ' +
    'Videos that cannot be read stand in <split>.skipped.tsv. An interrupted or killed run loses no video. With ' +
    '--shard, several processes or machines each do a part, in runs/<name>/features-shards/; merge-features joins ' +
    'them.',
  examples: [
    ['npx wbdc features --config apps/runner/configs/demo.yaml', 'features of the demo data'],
    ['npx wbdc features --config my.yaml --set features.batchSize=128', 'more images at once'],
    ['npx wbdc features --config my.yaml --set features.tower=openai/clip-vit-base-patch32', 'with a published tower'],
    ['npx wbdc features --config my.yaml --resume', 'go on after an interruption'],
    ['npx wbdc features --config my.yaml --shard 3/16 --resume', 'the fourth of 16 parts'],
  ],
  absentFor: hasFeatures,
  needs: ['data'],
  alsoNeeds: ({ features }) => (features.tower === null ? ['clip'] : []),
  reads: (config) => dataParts(config, ['videos', 'frames']),
  files: ({ features }) => ({ 'features.tower': features.tower }),
  needsEngine: true,
  divisible: true,
  settings: ({ data, dtype, features }) => ({
    data: decisivePlaces({ ...data, features: null }),
    features: decisiveFeatures(features),
    ...(dtype && dtype !== 'fp32' && { dtype }),
  }),
  run: async (context) => (await import('../stages/features.js')).runFeaturesStage(context),
};

/** `wbdc merge-features`: the features stage out of its shards. */
export const mergeFeaturesStage: Stage = {
  ...featuresStage,
  command: 'merge-features',
  title: MERGE_TITLE,
  description:
    'Joins runs/<name>/features-shards/, which wbdc features --shard made, into runs/<name>/features/: the files are ' +
    'those of one run without shards. Before, it sees that all shards are complete, made by the same tower, and ' +
    'together hold every video; every array is checked while it is copied. The shards stay: delete them yourself.',
  examples: [['npx wbdc merge-features --config my.yaml', 'when all shards are done']],
  needsEngine: false,
  divisible: false,
  resumes: true,
  run: async (context) => (await import('../stages/merge-features.js')).runMergeFeatures(context),
};
