import { cp, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { lacksVnni } from '@wbdc/checkpoints/node';
import { clipVision } from '@wbdc/clip-model';
import { saveClipVision } from '@wbdc/clip-model/node';
import { newHead } from '@wbdc/finetune';
import { openFeatureStore, wbdcLayout } from '@wbdc/data';
import { disposeTree, randomKey } from '@wbdc/nn';
import { syntheticTokenizer } from '@wbdc/pipeline/check';
import { saveTokenizer } from '@wbdc/tokenizer/node';
import { saveCheckpoint } from '@wbdc/train/node';
import * as ort from 'onnxruntime-node';
import * as web from 'onnxruntime-web';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { encoderOf } from '../../src/encoder.js';
import { computeFeatures, createExtractor } from '../../src/features/index.js';
import { openTrained, type OnnxOptions, type TrainedInput } from '../../src/index.node.js';
import { calibrationInputs, exportTrained, openTower, type ExportTrainedOptions } from '../../src/node.js';
import { modelSchema } from '../../src/settings/model.js';
import { OLD, scratchFolder, VIDEO } from './fixtures.js';

const WORDS = 48;
const WIDTH = 32;
const tokenizer = syntheticTokenizer(WORDS);
const frames = { limit: 4, choice: 'even' } as const;
const text = { fields: ['title'], budget: 12, limits: {}, separatorFirst: false, cleaning: null };
const TOWER = { imageSize: 16, patchSize: 8, width: WIDTH, layers: 2, heads: 2, intermediateSize: 64 };

let folder: string;

/** A model whose weights are worth it, with fresh weights, and what a training stage would leave. */
async function makeModel(kind: 'uni-model' | 'lxmert-model', purpose: 'category' | 'similarity'): Promise<string> {
  const sizes = { width: WIDTH, layers: 2, heads: 2, maxPositions: 40, videoLayers: 1, crossLayers: 1, kind };
  const model = modelSchema.parse(sizes);
  const encoder = encoderOf({ model, frames }, WORDS, WIDTH).init(randomKey(3));
  const outputs = 40;
  const head = newHead(randomKey(5), { pooling: 'mean', outputs, dropout: 0.1, hiddenSize: WIDTH });
  const at = join(folder, `${kind}-${purpose}`);
  const classes = Array.from({ length: outputs }, (_, i) => `01${String(i).padStart(2, '0')}`);
  const config = {
    model: kind,
    sizes: model,
    frames,
    text,
    features: null,
    kind: purpose,
    ...{ head: { pooling: 'mean', outputs } },
    classes,
  };
  await saveCheckpoint(at, { params: { encoder, head }, config, state: { step: 1, seed: 1 }, files: [] });
  await saveTokenizer(tokenizer, at);
  disposeTree([encoder, { ...head }]);
  return at;
}

const features = (seed: number) =>
  [0, 1, 2].map((i) => Array.from({ length: WIDTH }, (_, k) => Math.sin(seed + 3 * i + k)));
const INPUTS = [
  { id: 'a', video: VIDEO, title: '包裹' },
  { id: 'b', features: features(1), title: '旗子' },
  { id: 'c', features: features(2), title: '笑脸' },
  { id: 'd', features: [], title: '' },
];

let category: string;
let similarity: string;
let tower: string;
beforeAll(async () => {
  await tf.setBackend('cpu');
  folder = await scratchFolder();
  tower = join(folder, 'tower');
  await mkdir(tower);
  const params = clipVision(TOWER).init(randomKey(1));
  await saveClipVision(tower, params, TOWER);
  disposeTree(params);
  category = await makeModel('uni-model', 'category');
  similarity = await makeModel('lxmert-model', 'similarity');
});

const onnx = (dtype: OnnxOptions['dtype']): OnnxOptions => ({ runtime: ort, threads: 1, dtype });

async function embeddings(from: string, dtype: OnnxOptions['dtype']) {
  await using model = await openTrained(from, { tower, onnx: onnx(dtype) });
  expect(model.dtype).toBe(dtype);
  return { hash: model.hash, rows: await model.embed(INPUTS) };
}

async function categories(from: string, dtype: OnnxOptions['dtype']) {
  await using model = await openTrained(from, { tower, onnx: onnx(dtype) });
  const rows = await model.classify(INPUTS);
  return {
    hash: model.hash,
    rows: rows.map(({ categories: of }) => new Map(of.map((one) => [one.category, one.probability]))),
  };
}

const cosine = (a: Float32Array, b: Float32Array): number => a.reduce((sum, value, i) => sum + value * b[i], 0);

describe('a trained model on ONNX Runtime', () => {
  it.each([
    ['fp16', 0.999999],
    ['int8', 0.995],
  ] as const)('embeds in %s nearly as in float32, and says that it is another', async (dtype, least) => {
    const exact = await embeddings(similarity, 'fp32');
    const found = await embeddings(similarity, dtype);
    expect(found.rows.map(({ id, model }) => [id, model])).toEqual(INPUTS.map(({ id }) => [id, found.hash]));
    for (const [i, { embedding }] of found.rows.entries()) {
      expect(cosine(embedding, exact.rows[i].embedding)).toBeGreaterThan(least);
      expect(embedding).not.toEqual(exact.rows[i].embedding);
    }
    expect(found.hash).not.toBe(exact.hash);
    expect(found.hash).toMatch(/^[0-9a-f]{16}$/);
  });

  it('tells categories in int8 nearly as in float32', async () => {
    const [exact, found] = [await categories(category, 'fp32'), await categories(category, 'int8')];
    for (const [i, row] of found.rows.entries()) {
      for (const [name, probability] of row)
        expect(Math.abs(probability - exact.rows[i].get(name)!)).toBeLessThan(0.02);
    }
  });

  it('is refused in words: too small, another dtype, a GPU in int8', async () => {
    const opening = (from: string, options: Partial<OnnxOptions>) =>
      openTrained(from, { onnx: { ...onnx('int8'), ...options } });
    await expect(opening(join(OLD, 'category'), {})).rejects.toMatchObject({ code: 'onnx-small' });
    await expect(opening(category, { dtype: 'int4' as 'int8' })).rejects.toThrow(
      "dtype: expected fp16 or int8, got 'int4'",
    );
    await expect(opening(category, { provider: 'webgpu' })).rejects.toThrow(
      "provider 'webgpu': expected fp32 or fp16, got int8: use provider 'cpu'",
    );
  });
});

describe('exportTrained', () => {
  const exported = (from: string, name: string, options: ExportTrainedOptions) =>
    exportTrained(from, join(folder, name), { tower, ...options });
  const sizeOf = async (name: string, file: string) => (await stat(join(folder, name, file))).size;
  const calibration = { runtime: ort, inputs: INPUTS };

  it('writes both files smaller, which onnxruntime opens', async () => {
    for (const dtype of ['fp32', 'fp16'] as const) await exported(category, dtype, { dtype });
    await exported(category, 'int8', { dtype: 'int8', reduceRange: lacksVnni() }); // which must compute here too
    for (const file of ['model.onnx', 'tower.onnx']) {
      const whole = await sizeOf('fp32', file);
      expect(await sizeOf('fp16', file)).toBeLessThan(0.7 * whole);
      expect(await sizeOf('int8', file)).toBeLessThan(0.6 * whole); // names and norms weigh, at this size
      const session = await ort.InferenceSession.create(join(folder, 'int8', file));
      expect(session.outputNames).toContain(file === 'tower.onnx' ? 'pooled' : 'classes');
    }
  });

  it.each(['fp16', 'int8'])('in %s they give in WebAssembly what they give in Node', async (dtype) => {
    const ints = (values: number[], dims: number[]) =>
      ({ type: 'int32', data: Int32Array.from(values), dims }) as const;
    const floats = (dims: number[]) => {
      const data = Float32Array.from({ length: dims.reduce((a, b) => a * b) }, (_, i) => Math.sin(i));
      return { type: 'float32', data, dims } as const;
    };
    const texts = { tokens: ints([2, 7, 9, 3, 2, 3, 0, 0], [2, 4]), segments: ints(Array(8).fill(0), [2, 4]) };
    const masks = { textMask: ints([1, 1, 1, 1, 1, 1, 0, 0], [2, 4]), frameMask: ints([1, 1, 1, 0], [2, 2]) };
    const FEEDS = {
      'model.onnx': { ...texts, ...masks, frames: floats([2, 2, WIDTH]) },
      'tower.onnx': { pixels: floats([2, 3, 16, 16]) },
    };
    for (const [file, feeds] of Object.entries(FEEDS)) {
      const bytes = new Uint8Array(await readFile(join(folder, dtype, file)));
      const run = async ({ InferenceSession, Tensor }: Pick<typeof ort, 'InferenceSession' | 'Tensor'>) => {
        const session = await InferenceSession.create(bytes, { logSeverityLevel: 3 });
        const tensors = Object.entries(feeds).map(([name, { type, data, dims }]) => {
          return [name, new Tensor(type as 'float32', data as Float32Array, dims)] as const;
        });
        const results = await session.run(Object.fromEntries(tensors));
        return Array.from(results[file === 'tower.onnx' ? 'pooled' : 'classes'].data as Float32Array);
      };
      const [inNode, inWeb] = [await run(ort), await run(web as never)];
      expect(Math.max(...inWeb.map((value, i) => Math.abs(value - inNode[i])))).toBeLessThan(1e-3);
    }
  });

  it('calibrates model and tower on videos of one’s own; the model’s folder computes by it', async () => {
    const made = await exported(similarity, 'still', { dtype: 'int8', model: true, calibration });
    expect(made.at(-1)!.about).toMatch(/^where values go by minmax, on 4 videos and \d pictures$/);
    const file = await readFile(join(folder, 'still', 'model', 'quantization.json'), 'utf8');
    const seen = JSON.parse(file) as { model: object; tower: object; videos: number };
    expect([seen.videos, Object.keys(seen.model).length, Object.keys(seen.tower).length]).toEqual([
      4,
      expect.any(Number),
      expect.any(Number),
    ]);
    expect(await readFile(join(folder, 'still', 'quantization.json'), 'utf8')).toBe(file);
    expect((await readFile(join(folder, 'still', 'tower.onnx'))).includes('QuantizeLinear')).toBe(true);

    const own = join(folder, 'still', 'model');
    const [exact, batchwise, still] = [
      await embeddings(similarity, 'fp32'),
      await embeddings(similarity, 'int8'),
      await embeddings(own, 'int8'),
    ];
    expect(new Set([exact.hash, batchwise.hash, still.hash]).size).toBe(3);
    for (const [i, { embedding }] of still.rows.entries())
      expect(cosine(embedding, exact.rows[i].embedding)).toBeGreaterThan(0.99);

    // By itself or among others a video has the same numbers: with ranges of each batch it does not.
    const alone = async (from: string) => {
      await using model = await openTrained(from, { tower, onnx: onnx('int8') });
      return (await model.embed([INPUTS[2]]))[0].embedding;
    };
    expect(cosine(await alone(own), still.rows[2].embedding)).toBeGreaterThan(1 - 1e-6);
    expect(await alone(similarity)).not.toEqual(batchwise.rows[2].embedding);

    await exported(similarity, 'still', { model: true });
    await expect(stat(join(own, 'quantization.json'))).rejects.toThrow('ENOENT');
  });

  it('draws as many videos as it is told, by the seed', async () => {
    const many = Array.from({ length: 40 }, (_, i) => ({ id: String(i), features: features(i), title: '旗子' }));
    const ranges = async (seed: number) => {
      const onWarning = vi.fn();
      const observer = { onWarning };
      await exported(category, 'drawn', {
        dtype: 'int8',
        observer,
        calibration: { runtime: ort, inputs: many, samples: 5, seed },
      });
      expect(onWarning).toHaveBeenCalledWith(
        'tower.onnx finds its ranges batch by batch: no frames to calibrate it with',
      );
      const seen = JSON.parse(await readFile(join(folder, 'drawn', 'quantization.json'), 'utf8')) as {
        videos: number;
        model: object;
      };
      expect(seen.videos).toBe(5);
      return seen.model;
    };
    expect(await ranges(1)).toEqual(await ranges(1));
    expect(await ranges(1)).not.toEqual(await ranges(2));
  });

  it('says what is missing or of no use', async () => {
    const failing = (options: ExportTrainedOptions) => exported(category, 'failing', options);
    await expect(failing({ dtype: 'int8', calibration: { ...calibration, inputs: [] } })).rejects.toThrow(
      'expected videos that can be read, to calibrate with, got none',
    );
    const onWarning = vi.fn();
    const unreadable = { ...calibration, inputs: [{ id: 'x', video: join(folder, 'nowhere.mp4') }] };
    await expect(failing({ dtype: 'int8', calibration: unreadable, observer: { onWarning } })).rejects.toMatchObject({
      code: 'input',
    });
    expect(onWarning).toHaveBeenCalledWith(expect.stringContaining('nowhere.mp4'));
    await expect(failing({ dtype: 'fp16', calibration })).rejects.toThrow(
      'calibration: expected dtype int8 with it, got fp16',
    );
    await expect(failing({ reduceRange: true })).rejects.toThrow('reduceRange: expected dtype int8 with it, got fp32');
    await expect(failing({ dtype: 'int8', calibration: { ...calibration, samples: 0 } })).rejects.toThrow(
      'samples: expected a whole',
    );
    await expect(failing({ dtype: 'int3' as 'int8' })).rejects.toMatchObject({ code: 'onnx-dtype' });
    await expect(stat(join(folder, 'failing'))).rejects.toThrow('ENOENT'); // nothing was begun
  });

  it('refuses ranges that are none', async () => {
    const broken = join(folder, 'broken');
    await cp(category, broken, { recursive: true });
    await writeFile(join(broken, 'quantization.json'), '{"version":1,"model":{"x":3}}');
    await expect(openTrained(broken, { onnx: onnx('int8') })).rejects.toMatchObject({ code: 'model-files' });
    await (await openTrained(broken, { onnx: onnx('fp16') })).close();
  });
});

describe('data to calibrate with', () => {
  it('are videos of a split, by stored features or by frames', async () => {
    const root = join(folder, 'my-data');
    const layout = wbdcLayout(root);
    const ids = ['1000000000000000001', '1000000000000000002', '1000000000000000003'];
    await mkdir(join(root, 'annotations'), { recursive: true });
    await writeFile(
      layout.annotations('mine'),
      JSON.stringify(ids.map((id) => ({ id, title: '包裹', ocr: [], asr: '' }))),
    );
    const inputs = async (options: object) => {
      const all: TrainedInput[] = [];
      const asked = { model: category, split: 'mine', data: root, ...options };
      for await (const input of calibrationInputs(asked)) all.push(input);
      return all;
    };
    await expect(inputs({})).rejects.toThrow('expected features or frames of the 3 videos of mine, got none');
    for (const id of ids) {
      await mkdir(join(layout.frameZip('mine', id), '..'), { recursive: true });
      await cp(VIDEO, layout.frameZip('mine', id));
    }
    expect((await inputs({})).map((input) => 'video' in input && input.id)).toEqual(ids);
    expect(await inputs({ samples: 2, seed: 4 })).toHaveLength(2);
    await expect(inputs({ split: 'other' })).rejects.toMatchObject({ code: 'calibration-split' });
    await expect(inputs({ data: undefined })).rejects.toThrow('a split called mine, got no record of its data');

    // The features of the same videos: in whole numbers, which others do not join.
    const extractor = await createExtractor(await openTower(tower), {
      output: 'pooled',
      statistics: 'clip',
      resizer: 'pillow',
      sampling: { kind: 'all' },
    });
    const compute = async (dtype: OnnxOptions['dtype']) => {
      const options = {
        root,
        splits: ['mine'],
        out: join(folder, 'features'),
        extractor,
        resume: true,
        onnx: onnx(dtype),
      };
      for await (const { videos } of computeFeatures(options)) expect(videos).toBe(3);
    };
    await compute('int8');
    const store = await openFeatureStore(join(folder, 'features', 'mine.zip'));
    expect(store.recipe).toMatchObject({ dtype: 'int8' });
    await store.close();
    await compute('int8');
    await expect(compute('fp32')).rejects.toThrow('dtype');
    disposeTree(extractor.params);
  });
});
