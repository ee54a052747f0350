import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { openSafetensors } from '@wbdc/checkpoints/node';
import { CLIP_VIT_B32, clipVision } from '@wbdc/clip-model';
import type { Video } from '@wbdc/data';
import { pairSet } from '@wbdc/finetune';
import { cosine, spearman } from '@wbdc/metrics';
import { disposeTree, flatten, newLinear, randomKey } from '@wbdc/nn';
import { resolveRules } from '@wbdc/train';
import { findCheckpoint, loadParams } from '@wbdc/train/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { distance } from '../../../../tools/testing.js';
import {
  encoderOf,
  finetuneRules,
  finetuneSchema,
  framesSchema,
  modelSchema,
  textSchema,
  type FinetuneSettings,
} from '../../src/index.js';
import { finetune, pretrain, type FinetuneOptions, type PretrainData } from '../../src/node.js';
import { datasetOf, tokenizer, videosFrom, WIDTH } from './data.js';

let root: string;
beforeAll(async () => {
  await tf.setBackend('cpu');
  root = await mkdtemp(join(tmpdir(), 'wbdc-recipe-'));
});
afterAll(() => rm(root, { recursive: true }));

const tagged = (videos: Video[]): Video[] => videos.map((video, i) => ({ ...video, tags: [`tag ${i % 3}`] }));
const [videos, others] = [tagged(videosFrom(0, 13)), tagged(videosFrom(100, 7))];
const pairs = videos.map(({ id }, i) => ({ left: id, right: videos[(i + 4) % 13].id, score: ((7 * i) % 13) / 12 }));
const model = { width: 6, layers: 1, heads: 2, maxPositions: 16 };

interface Line {
  readonly type: string;
  readonly step: number;
  readonly metrics: Record<string, number>;
}

async function evaluations(folder: string): Promise<Line[]> {
  const lines = (await readFile(join(folder, 'metrics.jsonl'), 'utf8')).trim().split('\n');
  return lines.map((line) => JSON.parse(line) as Line).filter(({ type }) => type === 'evaluation');
}

async function weightsIn(path: string): Promise<Map<string, number[]>> {
  const file = await openSafetensors(path);
  const weights = new Map<string, number[]>();
  for (const name of file.tensors.keys()) weights.set(name, [...(await file.read(name)).data]);
  await file.close();
  return weights;
}

async function pretraining(name: string, tasks: object, train: object = {}, measured?: PretrainData['pairs']) {
  const folder = join(root, name);
  const tags = ['tag 0', 'tag 1', 'tag 2'];
  const sets = { training: await datasetOf(videos, tags), heldOut: await datasetOf(others, tags) };
  const plain = new Map([...videos, ...others].map(({ id, title, asr }) => [id, { title, texts: `${title} ${asr}` }]));
  const texts = (wanted: ReadonlySet<string>) => Promise.resolve(new Map([...plain].filter(([id]) => wanted.has(id))));
  const data: PretrainData = { ...sets, texts, ...(measured && { pairs: measured }) };
  const options = {
    folder,
    tokenizer,
    settings: {
      model,
      text: { budget: 8 },
      tasks: { mlm: {}, mfm: null, tag: null, ...tasks },
      train: { batchSize: 3, epochs: 1, learningRate: 0.01, rules: [], ...train },
    },
    data,
  };
  const result = await pretrain(options);
  return { folder, result, data: sets, checkpoints: result.checkpoints };
}

async function similarity(name: string, settings: object, more: Partial<FinetuneOptions> = {}) {
  const folder = join(root, name);
  await mkdir(folder, { recursive: true });
  const own = { kind: 'similarity', batchSize: 3, epochs: 2, learningRate: 0.01, rules: [], width: 4, ...settings };
  const result = await finetune({
    folder,
    settings: {
      model: modelSchema.parse(model),
      text: textSchema.parse({ budget: 8 }),
      frames: framesSchema.parse({}),
      finetune: finetuneSchema.parse(own),
    },
    tokenizer,
    data: { training: await datasetOf(videos), heldOut: await datasetOf(others), pairs: { train: pairs } },
    ...more,
  });
  if (result.kind !== 'model') throw new Error('expected one model');
  return { folder, result };
}

describe('the hidden layer of the tags', () => {
  const tag = { pooling: 'mean', hidden: 4, activation: 'relu' };

  it('is where the layer that embeds starts', async () => {
    const { checkpoints } = await pretraining('tags', { tag });
    const started: string[] = [];
    const options = {
      init: { checkpoint: checkpoints },
      observer: { onMessage: (line: string) => void started.push(line) },
    };
    const { result } = await similarity('embedding', { freeze: ['head.**'], embedding: 'tag' }, options);
    expect(started.join()).toContain("the layer that embeds starts from the tags' hidden layer");
    const learned = await weightsIn(join(result.conclusion!.model, 'model.safetensors'));
    const before = await weightsIn(join(await findCheckpoint(checkpoints), 'model.safetensors'));
    expect(learned.get('head.output.weight')).toEqual(before.get('heads.tag.hidden.weight'));
    expect(learned.get('head.output.bias')).toEqual(before.get('heads.tag.hidden.bias'));
    const { result: fresh } = await similarity('no-embedding', { freeze: ['head.**'] }, options);
    const drawn = await weightsIn(join(fresh.conclusion!.model, 'model.safetensors'));
    expect(drawn.get('head.output.weight')).not.toEqual(before.get('heads.tag.hidden.weight'));
  });

  it('must be there, of the same width, and read the mean', async () => {
    const start = async (name: string, tasks: object) => {
      const { checkpoints } = await pretraining(name, tasks);
      return similarity(`${name}-of`, { embedding: 'tag' }, { init: { checkpoint: checkpoints } });
    };
    await expect(start('none', {})).rejects.toThrow(/finetune.embedding: expected .* hidden 4 .*got none on tags/);
    await expect(start('wide', { tag: { ...tag, hidden: 5 } })).rejects.toThrow('got pooling mean, hidden 5');
    await expect(start('cls', { tag: { hidden: 4 } })).rejects.toThrow('got pooling cls, hidden 4');
    await expect(similarity('fresh', { embedding: 'tag' })).rejects.toThrow('expected a pretraining to start from');
  });
});

describe('the best weights', () => {
  it('by the mean squared error are those of the smallest', async () => {
    const settings = { averageBest: 1, evaluateEvery: 1, epochs: 3, share: 0.5, learningRate: 0.3 };
    const { folder, result } = await similarity('mse', { ...settings, bestBy: 'mse' });
    const errors = (await evaluations(folder)).map(({ step, metrics }) => ({
      step,
      score: metrics['validation/mse'],
    }));
    const smallest = errors.reduce((best, one) => (one.score <= best.score ? one : best));
    expect(errors.length).toBeGreaterThan(2);
    expect(Math.max(...errors.map(({ score }) => score))).toBeGreaterThan(smallest.score);
    expect(result.averaged).toMatchObject({ metric: 'validation/mse', steps: [smallest] });
    expect(result.measurement!.measured['validation/mse'].value).toBeCloseTo(smallest.score, 6);
  });
});

describe('zero-shot', () => {
  it('is measured after each epoch: cosines of the means, through the hidden layer of the tags', async () => {
    const held = [0, 1, 2, 3].map((i) => ({ left: others[i].id, right: others[i + 3].id, score: ((3 * i) % 4) / 4 }));
    // Of three kinds of videos: equal ones would tie but for rounding.
    const apart = [0, 1, 2].map((i) => ({ left: videos[i].id, right: videos[(i + 1) % 3].id, score: i / 2 }));
    const tag = { pooling: 'mean', hidden: 4 };
    const run = await pretraining(
      'zero-shot',
      { tag },
      { epochs: 3, evaluateEvery: 'epoch' },
      { training: apart, heldOut: held },
    );
    const lines = await evaluations(run.folder);
    expect(lines.map(({ step }) => step)).toEqual([4, 8, 12]);
    const { measured } = run.result.measurement!;
    for (const name of ['zero-shot/validation spearman', 'zero-shot/held-out spearman']) {
      expect(measured[name].baselines).toHaveProperty('frame features', measured[name].baseline);
      expect(lines.at(-1)!.metrics[name]).toBe(measured[name].value);
    }
    // The same by hand, from the weights it ended with.
    const settings = { model: modelSchema.parse(model), frames: framesSchema.parse({}) };
    const encoder = encoderOf(settings, tokenizer.vocabSize, WIDTH);
    const params = { encoder: encoder.init(randomKey(1)), hidden: newLinear(randomKey(2), 6, 4) };
    const file = join(await findCheckpoint(run.checkpoints), 'model.safetensors');
    await loadParams(file, params.encoder, 'encoder.');
    await loadParams(file, params.hidden, 'heads.tag.hidden.');
    const rows = Array.from({ length: 13 }, (_, i) => i);
    const batch = await run.data.training.batch(rows);
    const states = encoder.encode(params.encoder, batch, {});
    const [text, frames] = [states.text.arraySync(), states.frames.arraySync()];
    const vectors = rows.map((row) => {
      const shown = [
        ...text[row].filter((_, i) => batch.textMask.data[row * text[row].length + i] === 1),
        ...frames[row].filter((_, i) => batch.frameMask.data[row * frames[row].length + i] === 1),
      ];
      const mean = shown[0].map((_, d) => shown.reduce((sum, state) => sum + state[d], 0) / shown.length);
      const weight = params.hidden.weight.arraySync();
      return [...params.hidden.bias.dataSync()].map((b, o) => mean.reduce((sum, x, d) => sum + x * weight[d][o], b));
    });
    const { left, right, scores } = pairSet(apart, run.data.training);
    const cosines = [...left].map((one, i) => cosine(vectors[one], vectors[right[i]]));
    expect(measured['zero-shot/validation spearman'].value).toBeCloseTo(spearman(cosines, scores), 6);
    disposeTree(params);
  });
});

describe('the head of masked frames', () => {
  it('starts at the values of that of masked words', async () => {
    const heads = async (name: string, start: 'fresh' | 'mlm') => {
      const frozen = [{ pattern: 'heads.**', frozen: true }];
      const { checkpoints } = await pretraining(name, { mfm: { start } }, { rules: frozen });
      return weightsIn(join(await findCheckpoint(checkpoints), 'model.safetensors'));
    };
    const [own, shared] = [await heads('mfm-fresh', 'fresh'), await heads('mfm-mlm', 'mlm')];
    expect(shared.get('heads.mfm.transform.weight')).toEqual(shared.get('heads.mlm.transform.weight'));
    expect(shared.get('heads.mfm.norm.gamma')).toEqual(shared.get('heads.mlm.norm.gamma'));
    expect(own.get('heads.mfm.transform.weight')).not.toEqual(own.get('heads.mlm.transform.weight'));
  });
});

describe('the last layers of a tower', () => {
  const rulesOf = (vision: object) => {
    const finetuning: FinetuneSettings = finetuneSchema.parse({ vision, rules: [] });
    const tower = clipVision({ ...CLIP_VIT_B32, imageSize: 4, patchSize: 2, width: 4, heads: 2, intermediateSize: 4 });
    const params = { encoder: { vision: tower.init(randomKey(1)), other: newLinear(randomKey(2), 2, 2) } };
    const paths = flatten(params).map(({ path }) => path);
    const rules = finetuneRules({ finetune: finetuning, model: modelSchema.parse(model) }, params);
    disposeTree(params);
    return resolveRules(paths, rules);
  };

  it('learn at their rate, and the rest keeps its values', () => {
    const rules = rulesOf({ learningRate: 5e-6, lastLayers: 3 });
    const trained = [...rules].filter(([path, { frozen }]) => path.startsWith('encoder.vision.') && !frozen);
    expect(new Set(trained.map(([path]) => path.split('.')[3]))).toEqual(new Set(['9', '10', '11']));
    expect(trained).toHaveLength(3 * 16);
    expect(new Set(trained.map(([, { learningRate }]) => learningRate))).toEqual(new Set([5e-6]));
    expect(rules.get('encoder.other.weight')).toMatchObject({ frozen: false, learningRate: 5e-4 });
    expect([...rulesOf({}).values()].some(({ frozen }) => frozen)).toBe(false);
  });

  it('are no more than there are', () => {
    expect(() => rulesOf({ lastLayers: 13 })).toThrow('finetune.vision.lastLayers: expected at most 12');
  });
});

it("AdamW's epsilon is a setting", async () => {
  const weights = async (name: string, train: object) => {
    const { checkpoints } = await pretraining(name, {}, train);
    return (await weightsIn(join(await findCheckpoint(checkpoints), 'model.safetensors'))).get('heads.mlm.bias')!;
  };
  const [usual, same, other] = [
    await weights('eps-default', {}),
    await weights('eps-8', { epsilon: 1e-8 }),
    await weights('eps-1', { epsilon: 1 }),
  ];
  expect(same).toEqual(usual);
  expect(distance(other, usual)).toBeGreaterThan(1e-3);
});
