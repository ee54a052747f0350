import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseBertConfig, parseSafetensors, parseSavedEncoder } from '@wbdc/checkpoints';
import { quantizeOnnx } from '@wbdc/checkpoints/onnx';
import { loadBert, openPytorch, openSafetensors, openWeights, type WeightFile } from '@wbdc/checkpoints/node';
import { parseClipModelConfig, parseClipTextConfig, parseClipVisionConfig } from '@wbdc/clip-model';
import { loadClipModel, loadClipText, loadClipVision } from '@wbdc/clip-model/node';
import { load as loadEnsemble, save as saveEnsemble } from '@wbdc/ensemble-svd/node';
import { loadLxmertModel } from '@wbdc/lxmert-model/node';
import { disposeTree, randomKey, type ParamTree } from '@wbdc/nn';
import { loadUniModel } from '@wbdc/uni-model/node';
import { parsePreprocessing } from '@wbdc/video-features/plain';
import { parseJson } from '@wbdc/io';
import type { OnBad, Reader } from '../reader.js';
import { copied, fixture, headerOf, json } from './common.js';

async function readTensors(open: Promise<Pick<WeightFile, 'tensors' | 'read' | 'close'>>, onBad: OnBad): Promise<void> {
  const file = await open;
  try {
    for (const name of file.tensors.keys()) await file.read(name).catch(onBad);
  } finally {
    await file.close();
  }
}

async function dispose(loaded: Promise<{ readonly params: ParamTree }>): Promise<void> {
  disposeTree((await loaded).params);
}

const floats = (): Buffer => readFileSync(fixture('checkpoints', 'floats.safetensors'));
const bin = (name: string) => ({ name, bytes: readFileSync(fixture('checkpoints', name)) });

/** Of a config.json: what its sizes claim is compared with the weights before anything is made. */
const SIZES = ['1000000000', '"num_hidden_layers":1000000000', '"hidden_size":', '0', '-1', '1.5'];

export const WEIGHTS: readonly Reader[] = [
  {
    name: 'checkpoints: openSafetensors',
    covers: ['checkpoints: parseSafetensorsHeader', 'checkpoints: parseSafetensors', 'checkpoints: decodeTensor'],
    corpus: () => [
      { name: 'floats.safetensors', bytes: floats() },
      headerOf('header.safetensors', floats()),
      { name: 'types.safetensors', bytes: readFileSync(fixture('checkpoints', 'types.safetensors')) },
    ],
    tokens: ['"dtype":"F64"', '"shape":[', '"data_offsets":[', '"__metadata__":{'],
    read: async ({ path, bytes }, onBad) => {
      await readTensors(openSafetensors(path), onBad).catch(onBad);
      parseSafetensors(bytes, path);
    },
  },
  {
    name: 'checkpoints: openPytorch',
    corpus: () => [...['training-zip.bin', 'training-legacy.bin', 'types-zip.bin', 'types-legacy.bin'].map(bin)],
    tokens: [
      'ctorch._utils\n_rebuild_tensor_v2\n',
      'R',
      'Q',
      'b',
      '\u0081',
      'ccollections\nOrderedDict\n',
      'cos\nsystem\n',
      'h\0',
      '.',
    ],
    // Mutations of the pickle may ask for everything that it has: its time is bounded by 10 s of its own.
    most: { seconds: 12 },
    read: ({ path }, onBad) => readTensors(openPytorch(path), onBad),
  },
  {
    name: 'checkpoints: quantizeOnnx',
    corpus: () => [{ name: 'model.onnx', bytes: readFileSync(fixture('checkpoints', 'quantize/model.onnx')) }],
    tokens: ['MatMul', 'Gather', 'word', 'DequantizeLinear', '\u0008\u0001', '\u0070\u0001'],
    read: ({ bytes }, onBad) => {
      for (const dtype of ['int8', 'fp16'] as const) {
        try {
          quantizeOnnx(bytes, { dtype });
        } catch (error) {
          onBad(error);
        }
      }
      quantizeOnnx(bytes, { dtype: 'int8', reduceRange: true });
    },
  },
  {
    name: 'checkpoints: openWeights',
    covers: [
      'checkpoints: loadBert',
      'checkpoints: readBertConfig',
      'checkpoints: parseBertConfig',
      'checkpoints: readWeights',
      'checkpoints: parseSavedEncoder',
    ],
    corpus: (folder) =>
      copied(fixture('checkpoints', 'bert-sharded'), folder, [
        'config.json',
        'model.safetensors.index.json',
        'model-00001-of-00002.safetensors',
      ]),
    tokens: [...SIZES, '"weight_map":{', 'model-00002-of-00002.safetensors'],
    read: async ({ folder, bytes, path }, onBad) => {
      await readTensors(openWeights(folder), onBad).catch(onBad);
      await dispose(loadBert(folder)).catch(onBad);
      const value = path.endsWith('config.json') ? parseJson(bytes.toString(), path) : undefined;
      if (value === undefined) return;
      parseSavedEncoder(value, path);
      parseBertConfig(value, path);
    },
  },
  {
    name: 'checkpoints: loadBert',
    corpus: (folder) => copied(fixture('checkpoints', 'bert-legacy'), folder, ['config.json', 'pytorch_model.bin']),
    tokens: SIZES,
    most: { seconds: 12 },
    read: ({ folder }) => dispose(loadBert(folder)),
  },
  {
    name: 'clip-model: loadClipVision',
    covers: ['clip-model: loadClipText', 'clip-model: parseClipVisionConfig', 'clip-model: parseClipTextConfig'],
    corpus: (folder) => copied(fixture('clip-model', 'clip-whole'), folder, ['config.json', 'model.safetensors']),
    tokens: [...SIZES, '"vision_config":{', '"text_config":{'],
    read: async ({ folder, bytes, path }, onBad) => {
      await dispose(loadClipVision(folder)).catch(onBad);
      await dispose(loadClipText(folder)).catch(onBad);
      if (!path.endsWith('config.json')) return;
      const value = parseJson(bytes.toString(), path);
      for (const parse of [parseClipVisionConfig, parseClipTextConfig]) {
        try {
          parse(value, true, path);
        } catch (error) {
          onBad(error);
        }
      }
    },
  },
  {
    name: 'clip-model: loadClipModel',
    covers: ['clip-model: parseClipModelConfig', 'clip-model: parseChineseClipTextConfig'],
    corpus: (folder) => {
      const chinese = join(fixture('video-features', 'clip-models'), 'chinese');
      return copied(chinese, folder, ['config.json', 'model.safetensors', 'vocab.txt']);
    },
    tokens: [...SIZES, '"vision_config":{', '"text_config":{', '"model_type":"clip"'],
    read: async ({ folder, bytes, path }, onBad) => {
      await dispose(loadClipModel(folder)).catch(onBad);
      if (path.endsWith('config.json')) parseClipModelConfig(parseJson(bytes.toString(), path), path);
    },
  },
  {
    name: 'video-features: parsePreprocessing',
    corpus: () => [json('preprocessor_config.json', { size: { shortest_edge: 224 }, crop_size: 224, resample: 3 })],
    tokens: ['"do_center_crop":false', '"image_mean":[', '"height":224', '1e999'],
    read: ({ bytes, path }) => parsePreprocessing(parseJson(bytes.toString(), path), 224, path),
  },
  {
    name: 'uni-model: loadUniModel',
    corpus: (folder) => copied(fixture('uni-model', 'aiac'), folder, ['config.json', 'job1.pth', 'vocab.txt']),
    tokens: SIZES,
    most: { seconds: 12 },
    read: ({ folder }) => dispose(loadUniModel(folder, { file: 'job1.pth' })),
  },
  {
    name: 'lxmert-model: loadLxmertModel',
    corpus: (folder) =>
      copied(fixture('lxmert-model', 'lxmert'), folder, ['config.json', 'model.safetensors', 'vocab.txt']),
    tokens: SIZES,
    read: ({ folder }) => dispose(loadLxmertModel(folder, { fresh: { key: randomKey(1) } })),
  },
  {
    name: 'ensemble-svd: load',
    corpus: async (folder) => {
      await mkdir(folder, { recursive: true });
      const path = join(folder, 'made');
      const ensemble = { names: ['a', 'b'], widths: [2, 1], weights: [1, 2], share: 0.5, dimension: 2 };
      const components = Float64Array.of(1, 0, 0, 0, 1, 0);
      await saveEnsemble({ ...ensemble, components, singularValues: Float64Array.of(2, 1) }, path);
      return [
        { name: 'ensemble.safetensors', bytes: readFileSync(path) },
        headerOf('header.safetensors', readFileSync(path)),
      ];
    },
    tokens: ['"widths\\":[', '"shape":[', '"data_offsets":[', '"dtype":'],
    read: ({ path }) => loadEnsemble(path),
  },
];
