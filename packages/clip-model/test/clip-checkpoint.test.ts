import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { flatten, floats, randomKey, type Floats } from '@wbdc/nn';
import { loadWeights, weightsOf } from '@wbdc/checkpoints';
import { openWeights } from '@wbdc/checkpoints/node';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { distance, wave } from '../../../tools/testing.js';
import { clipVisionKeyMap, clipVisionShapes, parseClipVisionConfig } from '../src/clip-checkpoint.js';
import { loadClipVision, saveClipVision } from '../src/node.js';
import { clipVision, type ClipVisionParams } from '../src/clip-vision.js';

const FOLDER = fileURLToPath(new URL('fixtures/clip-checkpoint', import.meta.url));
const expected = JSON.parse(readFileSync(`${FOLDER}.json`, 'utf8')) as { pooled: number[] };
const pixels = (): tf.Tensor4D => tf.tensor4d(wave(5 * 3 * 6 * 6, 0, 0.9), [5, 3, 6, 6]);

function bitsOf(params: ClipVisionParams): Record<string, number[]> {
  const bits = (leaf: tf.Tensor): number[] => [...new Uint32Array((leaf.dataSync() as Float32Array).slice().buffer)];
  return Object.fromEntries(flatten(params).map(({ path, leaf }) => [path, bits(leaf)]));
}

let folder: string;
beforeEach(async () => {
  await tf.setBackend('cpu');
  folder = await mkdtemp(join(tmpdir(), 'clip-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it('gives the pooled output of transformers', async () => {
  const { config, params, report } = await loadClipVision(FOLDER);
  expect(config).toEqual({
    imageSize: 6,
    patchSize: 2,
    width: 10,
    layers: 2,
    heads: 2,
    intermediateSize: 14,
    activation: 'quick',
  });
  const { pooled } = clipVision(config).forward(params, pixels());
  expect(distance(pooled.dataSync(), expected.pooled)).toBeLessThan(1e-5);
  expect(report.missing).toEqual([]);
  expect(report.unused).toEqual([]);
});

it('knows the paths and shapes of a fresh tower', () => {
  const config = { imageSize: 6, patchSize: 2, width: 10, layers: 2, heads: 2, intermediateSize: 14, projection: 7 };
  const fresh = flatten(clipVision(config).init(randomKey(1))).map(({ path, leaf }) => [path, leaf.shape]);
  expect([...clipVisionShapes(config)]).toEqual(fresh);
  expect(
    clipVisionKeyMap(config)
      .entries.map(({ path }) => path)
      .sort(),
  ).toEqual(fresh.map(([path]) => path).sort());
});

it('comes back bit by bit after saving, and equals the tensors of transformers', async () => {
  const { config, params } = await loadClipVision(FOLDER);
  await saveClipVision(folder, params, config);
  const again = await loadClipVision(folder);
  expect(again.config).toEqual(config);
  expect(bitsOf(again.params)).toEqual(bitsOf(params));
  const [ours, theirs] = [await openWeights(folder), await openWeights(FOLDER)];
  for (const name of theirs.tensors.keys()) {
    expect(await ours.read(`vision_model.${name}`), name).toEqual(await theirs.read(name));
  }
  await Promise.all([ours.close(), theirs.close()]);
  expect(JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'))).toMatchObject({
    patch_size: 2,
    hidden_act: 'quick_gelu',
  });
  await expect(saveClipVision(folder, params, { ...config, width: 11 })).rejects.toThrow(/'patch' of shape \[12, 11\]/);
});

it('takes the tower out of a whole CLIP, projection included', async () => {
  const file = await openWeights(FOLDER);
  const tensors: Record<string, Floats> = {
    'text_model.embeddings.token_embedding.weight': floats([5, 3]),
    'text_projection.weight': floats([7, 3]),
    logit_scale: floats([]),
    'visual_projection.weight': floats([7, 10], wave(70, 1)),
  };
  for (const name of file.tensors.keys()) tensors[`vision_model.${name}`] = (await file.read(name)) as Floats;
  await file.close();
  const config = { imageSize: 6, patchSize: 2, width: 10, layers: 2, heads: 2, intermediateSize: 14, projection: 7 };
  const params = clipVision(config).init(randomKey(1));
  const report = await loadWeights(params, clipVisionKeyMap(config), weightsOf(tensors));
  expect(report.missing).toEqual([]);
  expect(report.unused.map(({ reason }) => reason)).toEqual([
    'the text tower',
    'the text tower',
    'the temperature of the two towers',
  ]);
  const { projected, pooled } = clipVision(config).forward(params, pixels());
  const weight = tf.tensor2d(wave(70, 1), [7, 10]);
  expect(distance(projected!.dataSync(), tf.matMul(pooled, weight, false, true).dataSync())).toBeLessThan(1e-6);
});

it('reads the configuration of a whole CLIP, and tells what is wrong with it', () => {
  const json = { model_type: 'clip', projection_dim: 512, vision_config: { patch_size: 16, hidden_act: 'gelu' } };
  expect(parseClipVisionConfig(json, true)).toEqual({
    imageSize: 224,
    patchSize: 16,
    width: 768,
    layers: 12,
    heads: 12,
    intermediateSize: 3072,
    activation: 'erf',
    projection: 512,
  });
  expect(() =>
    parseClipVisionConfig({ model_type: 'clip_vision_model', hidden_size: 0, hidden_act: 'relu' }, false),
  ).toThrow(
    /hidden_size: expected a whole number from 1, got 0\n {2}hidden_act: expected quick_gelu or gelu, got "relu"/,
  );
  expect(() => parseClipVisionConfig({ model_type: 'clip_vision_model', num_attention_heads: 7 }, false)).toThrow(
    /num_attention_heads: expected a divisor of hidden_size 768, got 7/,
  );
  expect(() => parseClipVisionConfig({}, false, 'x.json')).toThrow(/x\.json: vision_config: expected an object/);
});
