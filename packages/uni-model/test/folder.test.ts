import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { exportWeights, loadWeights, pathKeys, savedEncoderKeys, withoutPrefixes } from '@wbdc/checkpoints';
import { openWeights, saveBert, writeSafetensors } from '@wbdc/checkpoints/node';
import { disposeTree, newBert, newLinear, newNorm, newVector, randomKey, type ParamTree } from '@wbdc/nn';
import { QQ_LAYOUT, Tokenizer, WBDC_LAYOUT } from '@wbdc/tokenizer';
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
import { ENGINES, distance, useEngine } from '../../../tools/testing.js';
import { uniModel, uniModelKeyMap, uniModelShapes, type UniModelConfig } from '../src/index.js';
import { loadUniModel, saveUniModel } from '../src/node.js';

const AIAC = fileURLToPath(new URL('fixtures/aiac', import.meta.url));
const expected = JSON.parse(readFileSync(`${AIAC}.json`, 'utf8')) as Reference &
  Record<'embedding' | 'mlmBias' | 'mfmOutput', number[]>;

const config: UniModelConfig = {
  ...FOLDER_BERT,
  frameSize: 5,
  maxFrames: 4,
  frameSegment: 1,
};
const tokenizer = FOLDER_TOKENIZER;
const layout = { ...WBDC_LAYOUT, budget: 13, limits: { title: 5 } };

let folder: string;
beforeEach(async () => {
  await useEngine('cpu');
  folder = await mkdtemp(join(tmpdir(), 'uni-model-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A checkpoint as wbdc writes it, with a head beside the encoder. */
async function writeCheckpoint(json: object): Promise<ParamTree> {
  const params = uniModel({ ...config, frameSegment: 0 }).init(randomKey(7));
  const encoder = exportWeights(params, savedEncoderKeys(uniModelShapes(config)));
  const output = newLinear(randomKey(1), 6, 3);
  const head = exportWeights({ output }, pathKeys(new Map([['output.weight', [6, 3]]]), 'head.'));
  await writeSafetensors(join(folder, 'model.safetensors'), [...encoder, ...head], { format: 'wbdc' });
  await writeFile(join(folder, 'config.json'), JSON.stringify(json));
  await saveTokenizer(tokenizer, folder);
  disposeTree(output);
  return params;
}

const sizes = {
  width: 6,
  layers: 2,
  heads: 3,
  intermediate: 11,
  dropout: 0.2,
  maxPositions: 13,
  videoLayers: 6,
  crossLayers: 3,
};
const text = { fields: ['title', 'ocr'], budget: 13, limits: {}, separatorFirst: false, cleaning: null };
const OLD = {
  model: 'uni-model',
  sizes: { kind: 'uni-model', recompute: false, ...sizes },
  text,
  frames: { limit: 4 },
};
const NEW = { version: 1, kind: 'category', sizes: OLD.sizes, text, frames: { limit: 4 } };

describe('a checkpoint of wbdc', () => {
  it.each([
    ['0.1.0', OLD],
    ['version 1', NEW],
  ])('of %s opens: encoder, weights, tokenizer and layout', async (_, json) => {
    const params = await writeCheckpoint(json);
    const loaded = await loadUniModel(folder);
    expect(loaded.config).toEqual({ ...config, dropout: 0.2, frameSegment: 0 });
    expect(valuesOf(loaded.params)).toEqual(valuesOf(params));
    expect(loaded.tokenizer.vocab).toEqual(tokenizer.vocab);
    expect(loaded.layout).toEqual({ fields: ['title', 'ocr'], budget: 13, limits: {}, separatorFirst: false });
    expect(loaded.report.missing).toEqual([]);
    expect(loaded.report.unused).toEqual([
      { name: 'head.output.weight', dtype: 'F32', shape: [6, 3], reason: 'the head of a finetuning' },
    ]);
    disposeTree([params, loaded.params]);
  });

  it.each([
    ['more layers than tensors', { ...NEW, sizes: { ...OLD.sizes, layers: 1e9 } }, /tensors of 1000000000 layers/],
    [
      'a layer that is not there',
      { ...NEW, sizes: { ...OLD.sizes, layers: 3 } },
      /encoder\.bert\.layers\.2\.attention/,
    ],
    ['no number', { ...NEW, sizes: { ...OLD.sizes, heads: '3' } }, /config\.json: expected sizes\.heads .*got "3"/],
    ['heads that do not divide', { ...NEW, sizes: { ...OLD.sizes, heads: 4 } }, /multiple of heads, got 6 and 4/],
    [
      'another model',
      { ...NEW, sizes: { ...OLD.sizes, kind: 'lxmert-model' } },
      /expected a uni-model.*'lxmert-model'/,
    ],
    [
      'a CLIP',
      { model: 'clip', vision: {} },
      /expected the checkpoint of a video-text encoder, got one of a 'clip' model/,
    ],
    ['no layout', { ...NEW, text: { fields: 'title' } }, /text: expected a text layout/],
    ['nothing of ours', { a: 1 }, /not the configuration of a BERT/],
  ])('is refused with %s', async (_, json, message) => {
    disposeTree(await writeCheckpoint(json));
    const before = tf.memory().numTensors;
    await expect(loadUniModel(folder)).rejects.toThrow(message);
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('a saved model', () => {
  it('opens bit by bit, and transformers finds a BERT in it', async () => {
    const params = uniModel(config).init(randomKey(3));
    await saveUniModel(folder, { params, config, tokenizer, layout });
    const loaded = await loadUniModel(folder);
    expect(loaded.config).toEqual(config);
    expect(loaded.layout).toEqual(layout);
    expect(valuesOf(loaded.params)).toEqual(valuesOf(params));
    expect([loaded.report.missing, loaded.report.unused]).toEqual([[], []]);
    const json = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as object;
    expect(json).toMatchObject({ model_type: 'bert', architectures: ['BertModel'], vocab_size: 7 });
    disposeTree([params, loaded.params]);
  });

  it('is not written with parameters of other sizes', async () => {
    const params = uniModel(config).init(randomKey(3));
    const other = { ...config, maxFrames: 5 };
    await expect(saveUniModel(folder, { params, config: other, tokenizer, layout })).rejects.toThrow(
      /'frames\.embeddings\.position' of shape \[5, 6\]/,
    );
    disposeTree(params);
  });
});

describe('a BERT', () => {
  beforeEach(async () => {
    const bert = newBert(randomKey(9), config);
    const mlmHead = { transform: newLinear(randomKey(3), 6, 6), norm: newNorm(6), bias: newVector(7) };
    await saveBert(folder, bert, config, { mlmHead });
    await saveTokenizer(tokenizer, folder);
    disposeTree([bert, mlmHead]);
  });

  it('gives the text side; the frames’ side is drawn and reported as missing', async () => {
    const loaded = await loadUniModel(folder, { fresh: { key: randomKey(4), frameSize: 5, maxFrames: 4 } });
    expect(loaded.config).toEqual({ ...config, frameSegment: 0 });
    expect(loaded.layout).toEqual({ ...WBDC_LAYOUT, budget: 13 });
    const fresh = uniModel(config).init(randomKey(4));
    expect(valuesOf(loaded.params.frames)).toEqual(valuesOf(fresh.frames));
    expect(loaded.report.missing.map(({ path }) => path)).toEqual(
      [...uniModelShapes(config).keys()].filter((path) => path.startsWith('frames.')),
    );
    expect(new Set(loaded.report.unused.map(({ name }) => name.split('.')[0]))).toEqual(new Set(['cls']));
    disposeTree([fresh, loaded.params]);
  });

  it('may stand without the prefix of a model with heads', async () => {
    const bert = newBert(randomKey(9), config);
    await saveBert(folder, bert, config);
    const loaded = await loadUniModel(folder, { fresh: { key: randomKey(4) } });
    expect(loaded.config).toMatchObject({ frameSize: 768, maxFrames: 32 });
    expect(valuesOf(loaded.params.bert)).toEqual(valuesOf(bert));
    expect(loaded.report.unused).toEqual([]);
    disposeTree([bert, loaded.params]);
  });

  it('says what to give where it does not say the frames’ side', async () => {
    const before = tf.memory().numTensors;
    await expect(loadUniModel(folder)).rejects.toThrow(/got a BERT without the frames’ side: give options\.fresh/);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('is refused with a tokenizer of more tokens than the embeddings have', async () => {
    await saveTokenizer(Tokenizer.fromVocab([...tokenizer.vocab, '狗']), folder);
    await expect(loadUniModel(folder)).rejects.toThrow(/a tokenizer of at most 7 tokens.*got one of 8/);
  });
});

describe.each(ENGINES)('AIAC’s state dict on %s', (engine) => {
  beforeEach(() => useEngine(engine));

  it('gives the states and gradients of PyTorch, behind wrapper and prefix', async () => {
    const { model, params, config: of, layout: row, report } = await loadUniModel(AIAC);
    expect(of).toMatchObject({ hiddenSize: 6, frameSize: 13, maxFrames: 11, frameSegment: 0 });
    expect(row).toEqual({ ...WBDC_LAYOUT, budget: 11 });
    compareStates(model, params, PARITY_BATCH, expected);
    compareGradients(model, params, PARITY_BATCH, expected, 1e-5);
    expect(report.missing).toEqual([]);
    expect(Object.fromEntries(report.unused.map(({ name, reason }) => [name, reason]))).toMatchObject({
      'newfc_hidden.weight': 'a head that was not asked for',
      'roberta.bert.video_embeddings.word_embeddings.weight': 'frames are no words',
      'roberta.cls.predictions.decoder.weight': 'tied to the word embeddings',
      'roberta_mvm_lm_header.predictions.transform.dense.weight': 'the masked frame model’s head was not asked for',
    });
    disposeTree(params);
  });
});

it('maps the heads of AIAC’s state dict too', async () => {
  const params = {
    encoder: uniModel({
      ...config,
      vocabSize: 23,
      intermediateSize: 10,
      maxPositions: 11,
      frameSize: 13,
      maxFrames: 11,
    }).init(randomKey(1)),
    heads: {
      mlm: { transform: newLinear(randomKey(1), 6, 6), norm: newNorm(6), bias: newVector(23) },
      mfm: { transform: newLinear(randomKey(1), 6, 6), norm: newNorm(6), output: newLinear(randomKey(1), 6, 13) },
      tag: { output: newLinear(randomKey(1), 6, 5) },
    },
    head: { output: newLinear(randomKey(1), 6, 4) },
  };
  const heads = { mlm: 'heads.mlm', mfm: 'heads.mfm', tag: 'heads.tag', embedding: 'head.output' };
  const file = await openWeights(AIAC);
  const report = await loadWeights(
    params,
    uniModelKeyMap({ layers: 2 }, { path: 'encoder.', heads }),
    withoutPrefixes(file),
  );
  await file.close();
  expect(report.missing).toEqual([]);
  expect(distance(params.head.output.weight.dataSync(), expected.embedding)).toBeLessThan(1e-7);
  expect(distance(params.heads.mlm.bias.dataSync(), expected.mlmBias)).toBeLessThan(1e-7);
  expect(distance(params.heads.mfm.output.weight.dataSync(), expected.mfmOutput)).toBeLessThan(1e-7);
  disposeTree(params);
});

it('takes AIAC’s layout for frames of 1536 values, and the one that it is given', async () => {
  await cp(AIAC, folder, { recursive: true });
  const bert = newBert(randomKey(9), config);
  await rm(join(folder, 'job1.pth'));
  await saveBert(folder, bert, { ...config, vocabSize: 7 });
  await saveTokenizer(tokenizer, folder);
  const fresh = { key: randomKey(1), frameSize: 1536 };
  const [usual, given] = [await loadUniModel(folder, { fresh }), await loadUniModel(folder, { fresh, layout })];
  expect([usual.layout, given.layout]).toEqual([{ ...QQ_LAYOUT, budget: 13 }, layout]);
  disposeTree([bert, usual.params, given.params]);
});
