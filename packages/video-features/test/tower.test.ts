import * as tf from '@tensorflow/tfjs';
import { clipVision } from '@wbdc/clip-model';
import { flatten, randomKey } from '@wbdc/nn';
import { describe, expect, it } from 'vitest';
import { ENGINES, distance, fillWithWaves, useEngine } from '../../../tools/testing.js';
import { CLIP_PREPROCESSING, decodeImage, preprocess } from '../src/index.js';
import { fixtureBytes, fixtureJson, type ImageFixture } from './fixtures.js';

const tower = clipVision({
  ...{ imageSize: 15, patchSize: 5, width: 14, layers: 2, heads: 2, intermediateSize: 22, projection: 11 },
});

describe.each(ENGINES)('from the file on, on %s,', (engine) => {
  it.each(fixtureJson<ImageFixture>('clip-image.json').features)(
    'the features are those of transformers: $file',
    async ({ file, pooled }) => {
      await useEngine(engine);
      const params = tower.init(randomKey(1));
      fillWithWaves(flatten(params));
      const image = await preprocess(await decodeImage(fixtureBytes(file)), { ...CLIP_PREPROCESSING, imageSize: 15 });
      const out = tower.forward(params, tf.tensor4d(image, [1, 3, 15, 15]));
      expect(distance(out.pooled.dataSync(), pooled)).toBeLessThan(1e-4);
    },
  );
});
