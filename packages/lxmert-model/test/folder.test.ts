import { readFileSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { exportWeights, savedEncoderKeys } from '@wbdc/checkpoints';
import { openWeights, saveBert, writeSafetensors } from '@wbdc/checkpoints/node';
import { clipVision } from '@wbdc/clip-model';
import { saveClipVision } from '@wbdc/clip-model/node';
import {
  attentionBias,
  bert,
  bertLayerConfig,
  disposeTree,
  floats,
  newBert,
  randomKey,
  transformer,
  type Floats,
  type Ints,
  type ParamTree,
} from '@wbdc/nn';
import { WBDC_LAYOUT } from '@wbdc/tokenizer';
import { saveTokenizer } from '@wbdc/tokenizer/node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  FOLDER_BERT,
  FOLDER_TOKENIZER,
  PARITY_BATCH,
  compareGradients,
  compareStates,
  type Reference,
  valuesOf,
} from '../../../tools/encoder-parity.js';
import { ENGINES, distance, useEngine, wave } from '../../../tools/testing.js';
import { crossLayer } from '../src/cross-layer.js';
import { lxmertModel, lxmertModelShapes, type LxmertModelConfig } from '../src/index.js';
import { loadLxmertModel, saveLxmertModel } from '../src/node.js';

const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
const readFixture = <T>(name: string): T => JSON.parse(readFileSync(fixture(name), 'utf8')) as T;

const config: LxmertModelConfig = {
  ...FOLDER_BERT,
  frameSize: 5,
  maxFrames: 4,
  videoLayers: 2,
  videoActivation: 'quick',
  videoNorm: 'pre',
  crossLayers: 1,
};
const tokenizer = FOLDER_TOKENIZER;
const layout = { ...WBDC_LAYOUT, budget: 13, limits: { title: 5 } };

let folder: string;
beforeEach(async () => {
  await useEngine('cpu');
  folder = await mkdtemp(join(tmpdir(), 'lxmert-model-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const missingOf = ({ report }: { readonly report: { readonly missing: readonly { readonly path: string }[] } }) =>
  report.missing.map(({ path }) => path);

describe('a checkpoint of wbdc', () => {
  const sizes = { kind: 'lxmert-model', width: 6, layers: 2, heads: 3, intermediate: null, maxPositions: 13 };
  const text = { fields: ['title'], budget: 13, limits: {}, separatorFirst: true, cleaning: null };
  const saved = { version: 1, kind: 'pretrained', sizes: { ...sizes, videoLayers: 2, crossLayers: 1 }, text };
  const own: LxmertModelConfig = { ...config, intermediateSize: 24, videoActivation: 'erf', videoNorm: 'pre' };

  async function writeCheckpoint(json: object): Promise<ParamTree> {
    const params = lxmertModel(own).init(randomKey(7));
    const tensors = exportWeights(params, savedEncoderKeys(lxmertModelShapes(own)));
    await writeSafetensors(join(folder, 'model.safetensors'), tensors, { format: 'wbdc' });
    await writeFile(join(folder, 'config.json'), JSON.stringify(json));
    await saveTokenizer(tokenizer, folder);
    return params;
  }

  it('opens: encoder, weights, tokenizer and layout', async () => {
    const params = await writeCheckpoint(saved);
    const loaded = await loadLxmertModel(folder);
    expect({ ...loaded.config, videoNorm: 'pre' }).toEqual(own);
    expect(valuesOf(loaded.params)).toEqual(valuesOf(params));
    expect(loaded.layout.separatorFirst).toBe(true);
    expect([loaded.report.missing, loaded.report.unused]).toEqual([[], []]);
    disposeTree([params, loaded.params]);
  });

  it.each([
    ['more video layers than tensors', { videoLayers: 1e9 }, /tensors of 1000000000 videoLayers/],
    ['more cross layers than tensors', { crossLayers: 1e9 }, /tensors of 1000000000 crossLayers/],
    ['a layer that is not there', { crossLayers: 2 }, /encoder\.cross\.1\.cross\.query/],
    ['another model', { kind: 'uni-model' }, /expected a lxmert-model, got one of a 'uni-model' model/],
  ])('is refused with %s', async (_, wrong, message) => {
    disposeTree(await writeCheckpoint({ ...saved, sizes: { ...saved.sizes, ...wrong } }));
    const before = tf.memory().numTensors;
    await expect(loadLxmertModel(folder)).rejects.toThrow(message);
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe.each(['pre', 'post'] as const)('a saved model with %s-normalised video', (videoNorm) => {
  it('opens bit by bit, and transformers finds a BERT in it', async () => {
    const of = { ...config, videoNorm };
    const params = lxmertModel(of).init(randomKey(3));
    await saveLxmertModel(folder, { params, config: of, tokenizer, layout });
    const loaded = await loadLxmertModel(folder);
    expect(loaded.config).toEqual(of);
    expect(loaded.layout).toEqual(layout);
    expect(valuesOf(loaded.params)).toEqual(valuesOf(params));
    expect([loaded.report.missing, loaded.report.unused]).toEqual([[], []]);
    const json = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as object;
    expect(json).toMatchObject({ model_type: 'bert', architectures: ['BertModel'], vocab_size: 7 });
    disposeTree([params, loaded.params]);
  });
});

describe('a BERT', () => {
  const fresh = { key: randomKey(4), frameSize: 5, maxFrames: 4, videoLayers: 2, crossLayers: 1 };
  beforeEach(async () => {
    const params = newBert(randomKey(9), config);
    await saveBert(join(folder, 'bert'), params, config);
    await saveTokenizer(tokenizer, join(folder, 'bert'));
    disposeTree(params);
  });

  it('gives the text side, the rest is drawn and reported as missing', async () => {
    const loaded = await loadLxmertModel(join(folder, 'bert'), { fresh });
    expect(loaded.config).toEqual({ ...config, videoActivation: 'erf', videoNorm: undefined });
    const drawn = lxmertModel(loaded.config).init(randomKey(4));
    for (const part of ['video', 'cross'] as const) {
      expect(valuesOf(loaded.params[part])).toEqual(valuesOf(drawn[part]));
    }
    expect(missingOf(loaded)).toEqual(
      [...lxmertModelShapes(config).keys()].filter((path) => !path.startsWith('bert.')),
    );
    await expect(loadLxmertModel(join(folder, 'bert'))).rejects.toThrow(
      /got a model without 'video.* give options\.fresh/,
    );
    disposeTree([drawn, loaded.params]);
  });

  it('takes the video stream’s layers of a CLIP that is as wide', async () => {
    const sizes = { imageSize: 6, patchSize: 3, width: 6, layers: 1, heads: 3, intermediateSize: 11, projection: 5 };
    const tower = clipVision(sizes).init(randomKey(5));
    const vision = join(folder, 'clip');
    await saveClipVision(vision, tower, sizes);
    const loaded = await loadLxmertModel(join(folder, 'bert'), { fresh, vision });
    expect(loaded.config).toMatchObject({ videoLayers: 1, videoActivation: 'quick' });
    expect(valuesOf(loaded.params.video.layers)).toEqual(valuesOf(tower.layers));
    expect(valuesOf(loaded.params.video.norm)).toEqual(valuesOf(tower.postNorm));
    expect(loaded.params.video.classToken.dataSync()).toEqual(tower.classToken.dataSync());
    expect(missingOf(loaded).filter((path) => path.startsWith('video.'))).toEqual([
      'video.projection.weight',
      'video.projection.bias',
      'video.position',
    ]);
    expect(loaded.report.unused.map(({ reason }) => reason)).toContain('patches of a picture');
    await saveClipVision(vision, tower, { ...sizes, heads: 2 });
    await expect(loadLxmertModel(join(folder, 'bert'), { fresh, vision })).rejects.toThrow(
      /clip holds a model of other sizes:\n {2}heads: expected 3 by the configuration, got 2/,
    );
    disposeTree([tower, loaded.params]);
  });
});

describe.each(ENGINES)('on %s', (engine) => {
  beforeEach(() => useEngine(engine));

  it('WBDC’s state dict gives the states and gradients of PyTorch', async () => {
    const expected = readFixture<Reference & { readonly features: number[] }>('wbdc.json');
    const loaded = await loadLxmertModel(fixture('wbdc'));
    expect(loaded.config).toMatchObject({
      frameSize: 6,
      maxFrames: 10,
      videoLayers: 1,
      crossLayers: 2,
      videoNorm: 'post',
    });
    expect(missingOf(loaded)).toEqual([]);
    expect(loaded.report.unused.map(({ name }) => name).sort()).toEqual([
      'newfc_tag.bias',
      'newfc_tag.weight',
      'roberta.pooler.dense.bias',
      'roberta.pooler.dense.weight',
      'vision_encoder.embeddings.word_embeddings.weight',
      'vision_encoder.pooler.dense.bias',
      'vision_encoder.pooler.dense.weight',
    ]);
    const batch = { ...PARITY_BATCH, frames: floats([3, 5, 6], Float32Array.from(expected.features)) };
    compareStates(loaded.model, loaded.params, batch, expected);
    compareGradients(loaded.model, loaded.params, batch, expected);
    disposeTree(loaded.params);
  });

  it('transformers’ LXMERT gives the states of its text, video and cross-modality layers', async () => {
    const expected = readFixture<Record<string, number[]>>('lxmert.json');
    const loaded = await loadLxmertModel(fixture('lxmert'), { fresh: { key: randomKey(1), maxFrames: 5 } });
    const { params, config: of, report } = loaded;
    expect(of).toMatchObject({ layers: 2, videoLayers: 1, crossLayers: 2, frameSize: 13, videoNorm: 'post' });
    expect(missingOf(loaded)).toEqual(['video.classToken', 'video.position']);
    expect(Object.fromEntries(report.unused.map(({ name, reason }) => [name, reason]))).toMatchObject({
      'encoder.visn_fc.box_fc.weight': 'the boxes of objects, which frames have not',
      'pooler.dense.bias': 'the pooler belongs to next-sentence prediction',
    });
    expect(distance(params.video.projection.weight.dataSync(), expected.projection)).toBeLessThan(1e-7);
    const { textMask, frameMask } = PARITY_BATCH;
    const masked = (x: tf.Tensor, { data, shape }: Ints) =>
      tf.mul(x, tf.tensor(Float32Array.from(data), [...shape, 1])).dataSync();
    const layer = bertLayerConfig(of);
    const [textBias, videoBias] = [attentionBias(textMask), attentionBias(frameMask)];
    const text = bert(params.bert, PARITY_BATCH, of);
    const features = tf.tensor3d(wave(3 * 5 * 6, 0.5, 1), [3, 5, 6]);
    const video = transformer(params.video.layers, features, videoBias, layer);
    expect(distance(masked(text, textMask), expected.text)).toBeLessThan(1e-5);
    expect(distance(masked(video, frameMask), expected.video)).toBeLessThan(1e-5);
    const crossed = params.cross.reduce(
      (state, cross) =>
        crossLayer(cross, { state: state.text, bias: textBias }, { state: state.video, bias: videoBias }, layer),
      { text, video },
    );
    expect(distance(masked(crossed.text, textMask), expected.crossedText)).toBeLessThan(1e-5);
    expect(distance(masked(crossed.video, frameMask), expected.crossedVideo)).toBeLessThan(1e-5);
    disposeTree(params);
  });
});

it('an LXMERT with heads has other names for the same', async () => {
  const file = await openWeights(fixture('lxmert'));
  const tensors: Record<string, Floats> = { 'answer_head.logit_fc.0.weight': floats([2]) };
  for (const name of file.tensors.keys()) tensors[`lxmert.${name}`] = (await file.read(name)) as Floats;
  await file.close();
  await cp(fixture('lxmert'), folder, { recursive: true });
  await writeSafetensors(join(folder, 'model.safetensors'), tensors);
  const fresh = { key: randomKey(1), maxFrames: 5 };
  const [plain, named] = [
    await loadLxmertModel(fixture('lxmert'), { fresh }),
    await loadLxmertModel(folder, { fresh }),
  ];
  expect(valuesOf(named.params)).toEqual(valuesOf(plain.params));
  expect(named.report.unused).toContainEqual(expect.objectContaining({ reason: 'a head' }));
  disposeTree([plain.params, named.params]);
});

it('an LXMERT cannot claim any number of layers', async () => {
  await cp(fixture('lxmert'), folder, { recursive: true });
  const json = readFixture<object>('lxmert/config.json');
  await writeFile(join(folder, 'config.json'), JSON.stringify({ ...json, r_layers: 1e9 }));
  await expect(loadLxmertModel(folder)).rejects.toThrow(/tensors of 1000000000 videoLayers/);
});
