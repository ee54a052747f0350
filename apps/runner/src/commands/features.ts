import type { Stage } from '../stage.js';
import { inRecords } from './in-records.js';

export const featuresStage: Stage = {
  name: 'features',
  title: 'run the vision tower over all frames',
  description:
    'Runs the vision tower of the clip stage over the frames of every split and stores float16 features by video id in ' +
    'the official layout: runs/<name>/features/<split>.zip with <id>.npy. An interrupted run loses no video.',
  examples: [
    ['npx wbdc features --config apps/runner/configs/demo.yaml', 'features of the demo data'],
    ['npx wbdc features --config my.yaml --set features.batchSize=128', 'more images at once'],
    ['npx wbdc features --config my.yaml --resume', 'go on after an interruption'],
  ],
  needs: ['data', 'clip'],
  absentFor: inRecords,
  needsEngine: true,
  settings: ({ data, frames }) => ({
    data: { trainSplits: data.trainSplits, heldOutSplits: data.heldOutSplits },
    frames,
  }),
  run: async (context) => (await import('../stages/features.js')).runFeaturesStage(context),
};
