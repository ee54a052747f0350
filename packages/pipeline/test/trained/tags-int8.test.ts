import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lacksVnni } from '@wbdc/checkpoints/node';
import { openDataset, type Dataset } from '@wbdc/data';
import { meanAveragePrecision, multilabelF1 } from '@wbdc/metrics';
import { floats, foldIn, randomInt, randomKey, uniform } from '@wbdc/nn';
import { Tokenizer, trainVocabulary } from '@wbdc/tokenizer';
import * as ort from 'onnxruntime-node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { useEngine } from '../../../../tools/testing.js';
import { finetuneSchema, layoutOf, openTrained, pretrainSettings, type OnnxOptions } from '../../src/index.node.js';
import { exportTrained, finetune } from '../../src/node.js';

const WORDS = ['cat', 'dog', 'bird', 'tree', 'moon', 'rain', 'snow', 'boat', 'road', 'hill', 'lamp', 'door'];
const FRAME = 16;

/** Three words, of which each is a tag, or not, by chance: no model can tell all. */
function videoOf(i: number) {
  const key = foldIn(randomKey(3), i);
  const words = [0, 1, 2].map((k) => WORDS[randomInt(key, k, WORDS.length)]);
  const tags = [...new Set(words)].filter((_, k) => uniform(key, 10 + k) < 0.8);
  const other = WORDS[randomInt(key, 20, WORDS.length)];
  return {
    ...{ id: `v${i}`, title: words.join(' '), asr: '', ocr: [] },
    tags: uniform(key, 21) < 0.2 ? [...new Set([...tags, other])] : tags,
    features: [0, 1].map((f) => Array.from({ length: FRAME }, (_, k) => Math.sin(i + 3 * f + k))),
  };
}

const videos = Array.from({ length: 1440 }, (_, i) => videoOf(i));
const tokenizer = Tokenizer.fromVocab(trainVocabulary(WORDS, { size: 80, minFrequency: 1 }));
const settings = pretrainSettings({
  model: { width: 32, layers: 1, heads: 2, maxPositions: 24 },
  text: { fields: ['title'], budget: 16 },
  tasks: { mlm: null, mfm: null, tag: { weight: 4 } },
});

function open(of: typeof videos): Promise<Dataset> {
  const rows = new Map(of.map(({ id, features }) => [id, floats([2, FRAME], Float32Array.from(features.flat()))]));
  const read = async (id: string) => rows.get(id)!;
  const store = { width: FRAME, size: of.length, has: () => true, read, close: async () => undefined };
  return openDataset({ videos: of, features: store, tokenizer, layout: layoutOf(settings.text), tags: WORDS });
}

// Thresholds fitted to the very videos that measure them would be fitted to the last digits of float32.
const [training, choosing, heldOut] = [videos.slice(0, 160), videos.slice(160, 416), videos.slice(416)];
const truth = heldOut.flatMap(({ tags }) => WORDS.map((word) => Number(tags.includes(word))));
const size = { rows: heldOut.length, columns: WORDS.length };

let root: string;
let model: string;
beforeAll(async () => {
  await useEngine('ort');
  root = await mkdtemp(join(tmpdir(), 'wbdc-tags-int8-'));
  const learn = { kind: 'tags', batchSize: 16, epochs: 60, learningRate: 0.005, rules: [], dropout: 0 };
  const result = await finetune({
    folder: join(root, 'run'),
    settings: { ...settings, finetune: finetuneSchema.parse({ ...learn, tags: { head: 'fresh' } }) },
    tokenizer,
    data: { training: await open(training), heldOut: await open(choosing) },
  });
  if (result.kind !== 'model') throw new Error('expected one model');
  model = result.conclusion!.model;
});
afterAll(() => rm(root, { recursive: true }));

/** What a model on ONNX Runtime says of the held-out videos, and how good it is. */
async function measured(from: string, dtype: OnnxOptions['dtype']) {
  await using trained = await openTrained(from, { onnx: { runtime: ort, threads: 1, dtype } });
  const rows = await trained.tag(heldOut.map(({ id, title, features }) => ({ id, title, features })));
  const of = rows.map(({ tags }) => new Map(tags.map((one) => [one.tag, one])));
  const probabilities = of.flatMap((tags) => WORDS.map((word) => tags.get(word)!.probability));
  const chosen = of.flatMap((tags) => WORDS.map((word) => Number(tags.get(word)!.chosen)));
  return {
    probabilities,
    mAP: meanAveragePrecision(truth, probabilities, size),
    f1: multilabelF1(truth, chosen, size).micro,
  };
}

it('tags in int8, calibrated or not, lose at most half a point of their measure', async () => {
  const exact = await measured(model, 'fp32');
  expect(exact.mAP).toBeGreaterThan(0.6);
  expect(exact.mAP).toBeLessThan(0.98); // there is something to lose
  const inputs = training.map(({ id, title, features }) => ({ id, title, features }));
  const calibrated = async (method: 'minmax' | 'entropy'): Promise<string> => {
    const calibration = { runtime: ort, inputs, samples: 64, method };
    const options = { dtype: 'int8', tower: null, model: true, reduceRange: lacksVnni(), calibration } as const;
    await exportTrained(model, join(root, method), options);
    return join(root, method, 'model');
  };
  for (const from of [model, await calibrated('minmax'), await calibrated('entropy')]) {
    const { probabilities, mAP, f1 } = await measured(from, 'int8');
    expect(probabilities).not.toEqual(exact.probabilities);
    expect(mAP).toBeGreaterThan(exact.mAP - 0.005);
    expect(f1).toBeGreaterThan(exact.f1 - 0.005);
  }
});
