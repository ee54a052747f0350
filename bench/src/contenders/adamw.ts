/** Our AdamW on an engine: `node adamw.js ort <settings>`. */
import * as tf from '@tensorflow/tfjs';
import { flatten } from '@wbdc/nn';
import { adamW } from '@wbdc/train';
import { loadEngine, type EngineName } from '../engine.js';
import { serve, type Service } from '../serve.js';

const [engine, text] = process.argv.slice(2);
const { shapes, threads } = JSON.parse(text) as { shapes: number[][]; threads: number };

await serve(async (): Promise<Service> => {
  const about = await loadEngine(engine as EngineName, threads);
  const params = shapes.map((shape) => tf.tidy(() => tf.variable(tf.randomUniform(shape, -0.5, 0.5))));
  const leaves = flatten(params);
  const grads = new Map(leaves.map(({ path, leaf }) => [path, tf.randomUniform(leaf.shape, -0.5, 0.5)]));
  const optimizer = adamW(params, { learningRate: 5e-5, weightDecay: 0.01 });
  return {
    about,
    parameters: leaves.reduce((total, { leaf }) => total + leaf.size, 0),
    step: async () => {
      optimizer.update(grads, { factor: 1 });
      // An engine with a queue has not finished yet: the last parameter's first value waits for it.
      if (tf.getBackend() !== 'ort') tf.tidy(() => tf.slice(tf.reshape(params.at(-1)!, [-1]), 0, 1).dataSync());
      return undefined;
    },
  };
});
