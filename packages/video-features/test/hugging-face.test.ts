import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { exportWeights, flatten, randomKey } from '@wbdc/nn';
import { openWeights } from '@wbdc/nn/node';
import { beforeAll, describe, expect, it } from 'vitest';
import { distance, fillWithWaves, useEngine } from '../../../tools/testing.js';
import {
  clipVision,
  clipVisionKeyMap,
  clipVisionShapes,
  loadClipVision,
  parseClipVisionConfig,
  type ClipVisionConfig,
} from '../src/index.js';
import { FIXTURES, fixtureJson } from './fixtures.js';
import { temporaryFolder } from './folder.js';

const path = (name: string): string => fileURLToPath(new URL(name, FIXTURES));
const VISION = { image_size: 15, patch_size: 5, hidden_size: 14, num_hidden_layers: 2, num_attention_heads: 2 };
const WHOLE = { vision_config: { ...VISION, intermediate_size: 22 }, projection_dim: 11 };
const CONFIG: ClipVisionConfig = {
  ...{ imageSize: 15, patchSize: 5, width: 14, layers: 2, heads: 2, intermediateSize: 22 },
  ...{ activation: 'quick', projection: 11 },
};
beforeAll(() => useEngine('cpu'));

/** A checkpoint of a vision model with projection, beside a config.json. */
function checkpoint(config: unknown): string {
  const folder = temporaryFolder();
  copyFileSync(path('clip-vision.safetensors'), join(folder, 'model.safetensors'));
  writeFileSync(join(folder, 'config.json'), typeof config === 'string' ? config : JSON.stringify(config));
  return folder;
}

describe('loadClipVision', () => {
  it('computes what transformers computes from a saved CLIPVisionModel', async () => {
    const { config, params } = await loadClipVision(path('clip-checkpoint'));
    const values = Float32Array.from({ length: 5 * 3 * 6 * 6 }, (_, i) => 0.9 * Math.sin(Math.fround(i * 0.7)));
    const { pooled, projected } = clipVision(config).forward(params, tf.tensor4d(values, [5, 3, 6, 6]));
    expect(distance(pooled.dataSync(), fixtureJson<{ pooled: number[] }>('clip-checkpoint.json').pooled)).toBeLessThan(
      1e-5,
    );
    expect(projected).toBeUndefined();
  });

  it('gives every parameter the values of its tensor, in the tree of init', async () => {
    const { config, params, report } = await loadClipVision(checkpoint(WHOLE));
    expect(config).toEqual(CONFIG);
    const own = clipVision(config).init(randomKey(1));
    fillWithWaves(flatten(own)); // tools/parity/clip_vision.py does the same
    expect(flatten(params).map(({ path }) => path)).toEqual(flatten(own).map(({ path }) => path));
    flatten(params).forEach(({ path, leaf }, i) => {
      expect(leaf.shape, path).toEqual(flatten(own)[i].leaf.shape);
      expect(distance(leaf.dataSync(), flatten(own)[i].leaf.dataSync()), path).toBeLessThan(1e-6);
    });
    expect(report.ignored).toEqual([]);
    expect([...clipVisionShapes(config)]).toEqual(flatten(own).map(({ path, leaf }) => [path, leaf.shape]));
  });

  it('leaves the projection out where the configuration has none', async () => {
    const alone = { ...VISION, intermediate_size: 22, architectures: ['CLIPVisionModel'] };
    const { params, report } = await loadClipVision(checkpoint(alone));
    expect(params.projection).toBeUndefined();
    expect(report.ignored.map(({ name }) => name)).toEqual(['visual_projection.weight']);
  });

  it('writes back what it read', async () => {
    const folder = checkpoint(WHOLE);
    const { config, params } = await loadClipVision(folder);
    const file = await openWeights(folder);
    for (const { name, shape, values } of exportWeights(params, clipVisionKeyMap(config))) {
      const original = await file.read(name);
      expect(shape).toEqual(original.shape);
      expect(await values()).toEqual(original.data);
    }
    await file.close();
  });

  it('says what does not fit', async () => {
    const small = loadClipVision(checkpoint({ ...WHOLE, vision_config: { ...WHOLE.vision_config, patch_size: 3 } }));
    await expect(small).rejects.toThrow(
      "'patch': expected vision_model.embeddings.patch_embedding.weight of shape [14, 3, 3, 3], got [14, 3, 5, 5]",
    );
    await expect(loadClipVision(checkpoint('{'))).rejects.toThrow('config.json: expected JSON, got 1 characters');
    await expect(loadClipVision('/nowhere')).rejects.toThrow('/nowhere/config.json');
  });
});

describe('parseClipVisionConfig', () => {
  it('fills in the defaults of Hugging Face', () => {
    const base = { imageSize: 224, patchSize: 32, width: 768, layers: 12, heads: 12, intermediateSize: 3072 };
    expect(parseClipVisionConfig({})).toEqual({ ...base, activation: 'quick' });
    expect(parseClipVisionConfig({ vision_config: {} })).toEqual({ ...base, activation: 'quick', projection: 512 });
    const projecting = { architectures: ['CLIPVisionModelWithProjection'], projection_dim: 7, hidden_act: 'gelu' };
    expect(parseClipVisionConfig(projecting)).toEqual({ ...base, activation: 'erf', projection: 7 });
  });

  it('names all fields that are wrong', () => {
    const wrong = { hidden_size: '14', hidden_act: 'relu', num_channels: 4 };
    expect(() => parseClipVisionConfig(wrong, 'x.json')).toThrow(
      'x.json: not the configuration of a CLIP this package can run:\n' +
        '  hidden_size: expected a whole number from 1, got "14"\n' +
        '  hidden_act: expected quick_gelu or gelu, got "relu"\n' +
        '  num_channels: expected 3, got 4',
    );
    expect(() => parseClipVisionConfig([])).toThrow('config.json: expected an object, got []');
  });
});
