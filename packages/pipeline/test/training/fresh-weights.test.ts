import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { flatten } from '@wbdc/nn';
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { finetuneSchema, framesSchema, modelSchema, textSchema } from '../../src/index.js';
import { finetune, pretrain, type FinetuneOptions, type PretrainOptions } from '../../src/node.js';
import { datasetOf, tokenizer, videosFrom } from '../finetune/data.js';

const drawn = vi.hoisted(() => ({ values: 0 }));
vi.mock(import('../../../nn/src/random.js'), async (original) => {
  const random = await original();
  return {
    ...random,
    truncatedNormal: (...args: Parameters<typeof random.truncatedNormal>) => {
      const values = random.truncatedNormal(...args);
      if (values.some((value) => value !== 0)) drawn.values += values.length;
      return values;
    },
  };
});

let root: string;
beforeAll(async () => {
  await tf.setBackend('cpu');
  root = await mkdtemp(join(tmpdir(), 'wbdc-fresh-'));
});
beforeEach(() => void (drawn.values = 0));
afterAll(() => rm(root, { recursive: true }));

const model = { width: 6, layers: 1, heads: 2, maxPositions: 16 };
const text = { budget: 8 };

async function pretraining(name: string, more: Partial<PretrainOptions> = {}): Promise<PretrainOptions> {
  const [training, heldOut] = [await datasetOf(videosFrom(0, 7)), await datasetOf(videosFrom(50, 4))];
  const train = { batchSize: 3, epochs: 1 };
  return {
    folder: join(root, name),
    settings: { model, text, tasks: { tag: null, mlm: {}, mfm: {} }, train },
    tokenizer,
    data: { training, heldOut },
    ...more,
  };
}

async function finetuning(name: string, more: Partial<FinetuneOptions> = {}): Promise<FinetuneOptions> {
  return {
    folder: join(root, name),
    settings: {
      model: modelSchema.parse(model),
      text: textSchema.parse(text),
      frames: framesSchema.parse({}),
      finetune: finetuneSchema.parse({ batchSize: 3, epochs: 1, rules: [] }),
    },
    tokenizer,
    data: { training: await datasetOf(videosFrom(0, 9)), heldOut: await datasetOf(videosFrom(50, 4)) },
    ...more,
  };
}

it('no weights are drawn that a file gives: a resumed run, a checkpoint to start from, a published BERT', async () => {
  await pretrain(await pretraining('first'));
  const all = drawn.values;
  expect(all).toBeGreaterThan(1000);
  drawn.values = 0;
  const { checkpoints } = await pretrain(await pretraining('first', { resume: true }));
  expect(drawn.values).toBe(0);
  await pretrain(await pretraining('second', { checkpoint: checkpoints }));
  expect(drawn.values).toBe(0);

  const seen: Record<string, boolean> = {};
  const run: NonNullable<PretrainOptions['initialize']>['run'] = async (params) => {
    for (const { path, leaf } of flatten({ ...params })) {
      if (leaf.rank === 2) seen[path] = leaf.dataSync().some((value) => value !== 0);
    }
  };
  await pretrain(await pretraining('third', { initialize: { paths: ['encoder.bert'], run } }));
  const paths = Object.keys(seen).filter((path) => seen[path]);
  expect(paths.filter((path) => path.startsWith('encoder.bert.'))).toEqual([]);
  expect(paths).toContain('encoder.frames.projection.weight');
  expect(drawn.values).toBeGreaterThan(0);
  expect(drawn.values).toBeLessThan(all);

  drawn.values = 0;
  await finetune(await finetuning('from-checkpoint', { init: { checkpoint: checkpoints } }));
  const head = drawn.values;
  expect(head).toBeLessThan(all / 4);
  await finetune(await finetuning('from-checkpoint', { init: { checkpoint: checkpoints }, resume: true }));
  expect(drawn.values).toBe(head);
});
