import * as tf from '@tensorflow/tfjs';
import { flatten, gradientsOf, newLayer, randomKey, transformer, type LayerConfig } from '@wbdc/nn';
import type { KernelName } from '@wbdc/nn/kernels';
import { adamW, disposeGrads, valueAndGrad } from '@wbdc/train';
import { beforeAll, describe, expect, it } from 'vitest';
import { WEBGPU, fillWithWaves, useEngine, wave } from '../../../tools/testing.js';
import { webGpuStatistics } from '../src/index.js';

const [B, N, D, H, I] = [3, 13, 24, 2, 40];
const CONFIG: LayerConfig = { heads: H, norm: 'post', epsilon: 1e-12, activation: 'erf', dropout: 0.2 };
const NAME: KernelName = 'WbdcLayer';

function newLayers() {
  const layers = [newLayer(randomKey(1), D, I), newLayer(randomKey(2), D, I)];
  fillWithWaves(flatten(layers));
  return layers;
}

function inputs(): { x: tf.Tensor3D; bias: tf.Tensor4D } {
  const mask = Float32Array.from({ length: B * N }, (_, i) => (i % N > 8 ? -1e9 : 0));
  return { x: tf.tensor3d(wave(B * N * D, 0.5, 1), [B, N, D]), bias: tf.tensor4d(mask, [B, 1, 1, N]) };
}

/** The value of two layers and all their gradients. */
function pass(config: LayerConfig): number[][] {
  const layers = newLayers();
  const values = tf.tidy(() => {
    const { x, bias } = inputs();
    const xs = [x, ...flatten(layers).map(({ leaf }) => leaf)];
    const dy = tf.tensor3d(wave(x.size, 0.3, 2), [B, N, D]);
    const { value, grads } = gradientsOf(() => transformer(layers, x, bias, config, randomKey(3)), xs, dy);
    return [value, ...grads].map((tensor) => Array.from(tensor!.dataSync()));
  });
  for (const { leaf } of flatten(layers)) leaf.dispose();
  return values;
}

/** The same where no kernel is a whole layer. */
function composed(config: LayerConfig): number[][] {
  const kernel = tf.getKernel(NAME, 'webgpu');
  tf.unregisterKernel(NAME, 'webgpu');
  try {
    return pass(config);
  } finally {
    tf.registerKernel(kernel);
  }
}

describe.skipIf(!WEBGPU)('a layer as one kernel', () => {
  beforeAll(() => useEngine('webgpu'));

  it.each<[string, Partial<LayerConfig>]>([
    ['with dropout', {}],
    ['without dropout', { dropout: 0 }],
    ['computed once more in the backward pass', { recompute: true }],
    ["with CLIP's activation", { activation: 'quick' }],
  ])('%s has the bits of its parts, and leaves nothing', (_, options) => {
    const config = { ...CONFIG, ...options };
    const left = () => ({ tensors: tf.memory().numTensors, used: webGpuStatistics().pool.used });
    pass(config); // a table of the dropout's rate stays
    const before = left();
    expect(pass(config)).toEqual(composed(config));
    expect(left()).toEqual(before);
  });

  it('is watched by the profiler of tfjs', async () => {
    const { kernels } = await tf.profile(() => void pass(CONFIG));
    expect(kernels.map(({ name }) => name)).toEqual(expect.arrayContaining([NAME, 'WbdcLayerGrad']));
  });

  it('gives gradients that one dispatch adds to the parameters, and two sum up', async () => {
    const layers = newLayers();
    const optimizer = adamW(layers, { learningRate: 1e-3 });
    const step = async (): Promise<number> => {
      const loss = () => {
        const { x, bias } = inputs();
        return { loss: tf.mean(transformer(layers, x, bias, CONFIG)) as tf.Scalar, metrics: {} };
      };
      const { grads, norms } = await valueAndGrad(layers, loss, undefined, { norms: true });
      for (const [path, norm] of norms!) {
        expect(norm / Math.hypot(...grads.get(path)!.dataSync()), path).toBeCloseTo(1, 5);
      }
      const before = webGpuStatistics().dispatches;
      optimizer.update(grads, { factor: 1 });
      disposeGrads(grads);
      return webGpuStatistics().dispatches - before;
    };
    await step();
    expect(await step()).toBe(1);
    optimizer.dispose();
    for (const { leaf } of flatten(layers)) leaf.dispose();
  });

  it('says what does not fit', () => {
    tf.tidy(() => {
      const { bias } = inputs();
      const narrow = tf.zeros([B, N, D - 1]) as tf.Tensor3D;
      expect(() => transformer(newLayers(), narrow, bias, CONFIG)).toThrow(
        `linear: expected rows of ${D} values, got the shape [${B}, ${N}, ${D - 1}]`,
      );
    });
  });
});
