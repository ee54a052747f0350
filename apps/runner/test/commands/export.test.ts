import { saveTokenizer } from '@wbdc/tokenizer/node';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { collate } from '@wbdc/data';
import { categoryModel, newHead, similarityModel } from '@wbdc/finetune';
import { disposeTree, floats, joinColumns, linear, meanPool, randomKey, type Batch } from '@wbdc/nn';
import { loadBert } from '@wbdc/checkpoints/node';
import { pretraining } from '@wbdc/pretrain-tasks';
import type { TagHead } from '@wbdc/pretrain-tasks/tag';
import { saveCheckpoint } from '@wbdc/train/node';
import * as tf from '@tensorflow/tfjs';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { distance } from '../../../../tools/testing.js';
import { syntheticTokenizer } from '@wbdc/pipeline/check';
import { loadConfig } from '../../src/config/load.js';
import { runIn } from '../host.js';
import { encoderOf, planOf } from '@wbdc/pipeline';

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'wbdc-export-'))));
afterEach(() => rm(folder, { recursive: true }));

const SIZES = 'model={width: 14, layers: 1, heads: 2, maxPositions: 9, videoLayers: 1, crossLayers: 1}';
const tokenizer = syntheticTokenizer(23);

/** What a training stage would leave, and the model itself. */
async function checkpoint(kind: string, ...set: string[]) {
  const config = await loadConfig({
    folder,
    set: [SIZES, `model.kind=${kind}`, 'text.budget=9', 'frames.limit=5', 'tasks.tag.count=7', ...set],
  });
  const encoder = encoderOf(config, 23, 13);
  const params = pretraining(encoder, planOf(config, tokenizer, 7)).init(randomKey(3));
  await saveTokenizer(tokenizer, folder);
  await writeFile(join(folder, 'tag_list.txt'), 'a\n');
  const files = (await readdir(folder)).map((name) => join(folder, name));
  const { model: sizes, frames, text } = config;
  const json = { model: kind, sizes, frames, text, tasks: config.tasks }; // as 0.1.0 wrote it
  await saveCheckpoint(join(folder, 'checkpoint'), { params, config: json, state: { step: 1, seed: 1 }, files });
  return { config: json, encoder, params };
}

const COMMON = ['export', '--engine', 'cpu', '--checkpoint', 'checkpoint', '--out', 'served'];
const run = (...args: string[]) => runIn(folder, [...COMMON, ...args]);

const frames = floats(
  [2, 13],
  Float32Array.from({ length: 26 }, (_, i) => Math.sin(i)),
);
const batch: Batch = collate([
  { id: 'a', tokens: [2, 7, 9, 3], segments: [0, 0, 0, 0], spans: [], frames },
  { id: 'b', tokens: [2, 3], segments: [0, 0], spans: [], frames: floats([1, 13], frames.data.slice(13)) },
]);

async function serve(): Promise<InferenceSession.ReturnType> {
  const session = await InferenceSession.create(join(folder, 'served', 'model.onnx'));
  const feed = (name: 'tokens' | 'segments' | 'textMask' | 'frameMask') =>
    new Tensor('int32', batch[name].data, batch[name].shape);
  return session.run({
    tokens: feed('tokens'),
    segments: feed('segments'),
    textMask: feed('textMask'),
    frames: new Tensor('float32', batch.frames.data, batch.frames.shape),
    frameMask: feed('frameMask'),
  });
}

describe('wbdc export', () => {
  it.each(['uni-model', 'lxmert-model'])('serves the tags of a pretrained %s', async (kind) => {
    const { encoder, params } = await checkpoint(kind);
    expect(await run()).toMatchObject({ code: 0 });
    const { tags } = await serve();
    const head = params.heads['tag'] as TagHead;
    const expected = tf.tidy(() =>
      tf.sigmoid(linear(encoder.encode(params.encoder, batch, {}).cls, head.output)).dataSync(),
    );
    expect(distance(tags.data as Float32Array, expected)).toBeLessThan(1e-5);
    expect((await readdir(join(folder, 'served'))).sort()).toEqual([
      'model.onnx',
      'tag_list.txt',
      'text-encoder',
      'tokenizer.json',
      'vocab.txt',
    ]);
    disposeTree(params);
  });

  it('writes the text encoder bit by bit', async () => {
    const { params } = await checkpoint('uni-model');
    await run();
    const { params: bert, config } = await loadBert(join(folder, 'served', 'text-encoder'), {
      allowUnused: ['cls.**'],
    });
    expect(config).toMatchObject({ hiddenSize: 14, layers: 1, heads: 2 });
    expect(bert.layers[0].output.weight.dataSync()).toEqual(params.encoder.bert.layers[0].output.weight.dataSync());
    disposeTree([params, bert]);
  });

  it('serves tags that are read from the mean, through a layer', async () => {
    const { encoder, params } = await checkpoint('uni-model', 'tasks.tag.pooling=mean', 'tasks.tag.hidden=5');
    expect(await run()).toMatchObject({ code: 0 });
    const { tags } = await serve();
    const { hidden, output } = params.heads['tag'] as unknown as TagHead;
    const expected = tf.tidy(() => {
      const { text, frames } = encoder.encode(params.encoder, batch, {});
      const mean = meanPool(tf.concat([text, frames], 1), joinColumns(batch.textMask, batch.frameMask));
      return tf.sigmoid(linear(linear(mean, hidden!), output)).dataSync();
    });
    expect(distance(tags.data as Float32Array, expected)).toBeLessThan(1e-5);
    disposeTree(params);
  });

  it.each([
    ['uni-model', 'cls', 'similarity'],
    ['uni-model', 'attention', 'similarity'],
    ['lxmert-model', 'both', 'category'],
    ['uni-model', 'mean', 'category'],
  ] as const)('serves a finetuned %s that pools %s for %s', async (kind, pooling, purpose) => {
    const { config, encoder, params } = await checkpoint(kind);
    const options = { pooling, outputs: 11, dropout: 0.1 };
    const head = newHead(randomKey(5), { ...options, hiddenSize: 14 });
    const trained = { encoder: params.encoder, head };
    const files = ['vocab.txt', 'tokenizer.json', 'tokenizer_config.json'].map((name) => join(folder, name));
    await saveCheckpoint(join(folder, 'checkpoint'), {
      params: { ...trained },
      config: { ...config, kind: purpose, head: { pooling, outputs: 11 }, classes: [...'abcdefghijk'] },
      state: { step: 1, seed: 1 },
      files,
    });
    expect(await run()).toMatchObject({ code: 0 });
    const [output] = Object.entries(await serve()).filter(([name]) => ['embedding', 'classes'].includes(name));
    const expected = tf.tidy(() => {
      if (purpose === 'similarity') return similarityModel(encoder, options).embed(trained, batch).dataSync();
      return categoryModel(encoder, options).predict(trained, batch).dataSync();
    });
    expect(distance(output[1].data as Float32Array, expected)).toBeLessThan(1e-5);
    disposeTree([params, { ...head }]);
  });

  it('leaves an earlier export alone unless told otherwise', async () => {
    const { params } = await checkpoint('uni-model');
    expect([(await run()).code, (await run()).code, (await run('--overwrite')).code]).toEqual([0, 1, 0]);
    disposeTree(params);
  });
});
