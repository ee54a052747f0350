import type { Config } from '../config/schema.js';
import { STAGE_TITLES } from '../run/names.js';
import type { Stage } from '../run/stage.js';

export const dataStage: Stage = {
  name: 'data',
  title: STAGE_TITLES.data,
  description:
    'Builds the embedded data set (emoji as short videos with Chinese text) in the official WBDC layout under ' +
    'runs/<name>/data: annotations/*.json, zip_frames/<split>/.../<id>.zip. With data.folder set, that folder is ' +
    'read instead: every record is checked, nothing is copied. With data.layout=aiac it holds TFRecords with ' +
    'features inside: their texts and an index are kept, packed files are unpacked.',
  examples: [
    ['npx wbdc data --config apps/runner/configs/demo.yaml', 'the embedded data set'],
    ['npx wbdc data --set data.set=large', '12,000 videos and a corpus of definitions'],
    ['npx wbdc data --name big --set data.imageSize=224', 'the same in larger pictures'],
    ['npx wbdc data --name own --set data.folder=/data/wbdc', 'check a folder in the official layout'],
    ['npx wbdc data --config apps/runner/configs/aiac2021/job1.yaml', 'TFRecords of QQ Browser AIAC 2021'],
  ],
  needs: [],
  needsEngine: false,
  settings: ({ seed, data }) =>
    data.folder === null
      ? { seed, data: { folder: null, imageSize: data.imageSize, variants: data.variants, ...setOf(data) } }
      : {
          data: {
            folder: data.folder,
            ...(data.layout !== 'wbdc' && { layout: data.layout }),
            trainSplits: data.trainSplits,
            heldOutSplits: data.heldOutSplits,
          },
        },
  run: async (context) => (await import('../stages/data.js')).runDataStage(context),
};

/** Not there for the small set, as in runs of before. */
function setOf({ set }: Config['data']): { set?: 'text' | 'large' } {
  return set === 'demo' ? {} : { set };
}
