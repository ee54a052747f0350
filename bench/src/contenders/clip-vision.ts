/** Forward and backward of the vision tower on an engine: `node clip-vision.js ort <settings>`. */
import * as tf from '@tensorflow/tfjs';
import type { Scalar, Tensor4D } from '@tensorflow/tfjs';
import { flatten, randomKey, type LossResult } from '@wbdc/nn';
import { disposeGrads, valueAndGrad } from '@wbdc/train';
import { clipVision, type ClipVisionConfig } from '@wbdc/clip-model';
import { loadEngine, type EngineName } from '../engine.js';
import { serve, type Service } from '../serve.js';

const [engine, text] = process.argv.slice(2);
const settings = JSON.parse(text) as ClipVisionConfig & { batch: number; threads: number };

await serve(async (): Promise<Service> => {
  const about = await loadEngine(engine as EngineName, settings.threads);
  const tower = clipVision(settings);
  const params = tower.init(randomKey(1));
  const size = settings.imageSize;
  const pixels: Tensor4D = tf.randomUniform([settings.batch, 3, size, size], -0.5, 0.5);
  const loss = (): LossResult => {
    const { projected } = tower.forward(params, pixels);
    return { loss: tf.mean(tf.square(projected!)) as Scalar, metrics: {} };
  };
  return {
    about,
    parameters: flatten(params).reduce((total, { leaf }) => total + leaf.size, 0),
    step: async () => {
      const { loss: value, grads } = await valueAndGrad(params, loss);
      disposeGrads(grads);
      return value;
    },
  };
});
