import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeSafetensors } from '@wbdc/checkpoints/node';
import { clipVision } from '@wbdc/clip-model';
import { saveClipVision } from '@wbdc/clip-model/node';
import { disposeTree, flatten, randomKey } from '@wbdc/nn';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { useEngine, wave } from '../../../tools/testing.js';
import { lxmertModel, type LxmertModelConfig } from '../src/index.js';
import { startFromVision } from '../src/node.js';

const config: LxmertModelConfig = {
  vocabSize: 7,
  hiddenSize: 6,
  layers: 1,
  heads: 2,
  intermediateSize: 10,
  maxPositions: 9,
  segments: 2,
  dropout: 0,
  frameSize: 5,
  maxFrames: 3,
  videoLayers: 2,
  videoActivation: 'quick',
  crossLayers: 1,
};

let folder: string;
beforeEach(async () => {
  await useEngine('cpu');
  folder = await mkdtemp(join(tmpdir(), 'lxmert-vision-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const start = async (sizes: Partial<LxmertModelConfig>, from: string) => {
  const own = { ...config, ...sizes };
  const params = { encoder: lxmertModel(own).init(randomKey(3)) };
  const before = new Map(flatten(params).map(({ path, leaf }) => [path, leaf.dataSync().slice()]));
  const report = await startFromVision(params, own, from, 'encoder.');
  const leaves = new Map(flatten(params).map(({ path, leaf }) => [path, leaf]));
  const changed = [...leaves].filter(([path, leaf]) => String(leaf.dataSync()) !== String(before.get(path)));
  return { params, report, leaves, changed: changed.map(([path]) => path) };
};

describe('a video stream that starts from a CLIP', () => {
  const sizes = { imageSize: 8, patchSize: 4, width: 6, layers: 3, heads: 2, intermediateSize: 10 };

  it.each([
    [2, false],
    [3, true],
  ])('takes its first %i layers, and the normalisation behind all: %s', async (videoLayers, whole) => {
    const tower = clipVision(sizes).init(randomKey(5));
    for (const { leaf, path } of flatten(tower)) {
      (leaf as import('@tensorflow/tfjs').Variable).assign(await filled(leaf.shape, path.length));
    }
    await saveClipVision(join(folder, 'clip'), tower, sizes);
    const { leaves, changed, params } = await start({ videoLayers }, join(folder, 'clip'));
    const video = changed.every((path) => path.startsWith('encoder.video.'));
    expect([video, changed.some((path) => path.startsWith('encoder.video.norm'))]).toEqual([true, whole]);
    const of = (path: string) => leaves.get(`encoder.video.${path}`)!.dataSync();
    expect(of('classToken')).toEqual(tower.classToken.dataSync());
    for (let i = 0; i < videoLayers; i++) {
      for (const { path, leaf } of flatten(tower.layers[i])) expect(of(`layers.${i}.${path}`)).toEqual(leaf.dataSync());
    }
    expect(changed.some((path) => /projection|position/.test(path))).toBe(false);
    disposeTree([params, tower]);
  });

  it('says what does not fit', async () => {
    const tower = clipVision(sizes).init(randomKey(5));
    const clip = join(folder, 'clip');
    await saveClipVision(clip, tower, sizes);
    await expect(start({ videoLayers: 4 }, clip)).rejects.toThrow(/at least 4 layers.*got 3/);
    await expect(start({ videoActivation: 'erf' }, clip)).rejects.toThrow(/videoActivation: expected erf .*got quick/);
    await expect(start({ heads: 3 }, clip)).rejects.toThrow('heads: expected 3');
    await expect(start({ videoNorm: 'post' }, clip)).rejects.toThrow("videoNorm 'pre'");
    disposeTree(tower);
  });
});

describe('a video stream that starts from a ViT', () => {
  const names = (i: number): [string, number[]][] =>
    (
      [
        ['attention.attention.query', [6, 6]],
        ['attention.attention.key', [6, 6]],
        ['attention.attention.value', [6, 6]],
        ['attention.output.dense', [6, 6]],
        ['layernorm_before', [6]],
        ['intermediate.dense', [10, 6]],
        ['output.dense', [6, 10]],
        ['layernorm_after', [6]],
      ] as [string, number[]][]
    ).flatMap(([name, shape]): [string, number[]][] => [
      [`vit.encoder.layer.${i}.${name}.weight`, shape],
      [`vit.encoder.layer.${i}.${name}.bias`, [shape[0]]],
    ]);
  const tensors: [string, number[]][] = [
    ['vit.embeddings.cls_token', [1, 1, 6]],
    ['vit.embeddings.position_embeddings', [1, 5, 6]],
    ['vit.embeddings.patch_embeddings.projection.weight', [6, 3, 4, 4]],
    ...names(0),
    ...names(1),
    ['vit.layernorm.weight', [6]],
    ['vit.layernorm.bias', [6]],
    ['classifier.weight', [2, 6]],
  ];
  const json = {
    model_type: 'vit',
    hidden_size: 6,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    intermediate_size: 10,
    hidden_act: 'gelu',
  };
  const values = new Map(
    tensors.map(([name, shape], k) => [
      name,
      wave(
        shape.reduce((a, b) => a * b),
        k + 0.5,
        1,
      ),
    ]),
  );

  beforeEach(async () => {
    const sources = tensors.map(([name, shape]) => {
      return { name, dtype: 'F32' as const, shape, values: () => values.get(name)! };
    });
    await mkdir(join(folder, 'vit'));
    await writeSafetensors(join(folder, 'vit', 'model.safetensors'), sources, { format: 'pt' });
    await writeFile(join(folder, 'vit', 'config.json'), JSON.stringify(json));
  });

  it('takes class token, layers and normalisation by the published names', async () => {
    const { leaves, report, params } = await start({ videoActivation: 'erf' }, join(folder, 'vit'));
    const of = (path: string) => leaves.get(`encoder.video.${path}`)!;
    expect(of('classToken').dataSync()).toEqual(values.get('vit.embeddings.cls_token'));
    expect(of('norm.gamma').dataSync()).toEqual(values.get('vit.layernorm.weight'));
    const layer = 'vit.encoder.layer.1';
    expect(of('layers.1.attention.value.bias').dataSync()).toEqual(
      values.get(`${layer}.attention.attention.value.bias`),
    );
    expect(of('layers.1.attentionNorm.beta').dataSync()).toEqual(values.get(`${layer}.layernorm_before.bias`));
    // A dense layer is [in, out] here and [out, in] there.
    const weight = of('layers.1.intermediate.weight').arraySync() as number[][];
    const theirs = values.get(`${layer}.intermediate.dense.weight`)!;
    for (let i = 0; i < 6; i++) for (let o = 0; o < 10; o++) expect(weight[i][o]).toBe(theirs[o * 6 + i]);
    expect(report.unused.map(({ name }) => name).sort()).toEqual([
      'classifier.weight',
      'vit.embeddings.patch_embeddings.projection.weight',
      'vit.embeddings.position_embeddings',
    ]);
    disposeTree(params);
  });

  it('says what is no ViT', async () => {
    await writeFile(join(folder, 'vit', 'config.json'), JSON.stringify({ ...json, hidden_act: 'relu' }));
    await expect(start({ videoActivation: 'erf' }, join(folder, 'vit'))).rejects.toThrow('hidden_act gelu');
    await writeFile(join(folder, 'vit', 'config.json'), JSON.stringify({ ...json, hidden_size: '6' }));
    await expect(start({ videoActivation: 'erf' }, join(folder, 'vit'))).rejects.toThrow('hidden_size');
  });
});

/** Values that no fresh parameter has. */
async function filled(shape: number[], phase: number) {
  const tf = await import('@tensorflow/tfjs');
  return tf.tensor(
    wave(
      shape.reduce((a, b) => a * b, 1),
      phase,
      1,
    ),
    shape,
  );
}
