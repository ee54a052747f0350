import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import type { Dataset } from '@wbdc/data';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pretrain, type PretrainOptions } from '../../src/node.js';
import { datasetOf, tokenizer, videosFrom } from '../finetune/data.js';

let root: string;
beforeAll(async () => {
  await tf.setBackend('cpu');
  root = await mkdtemp(join(tmpdir(), 'wbdc-share-'));
});
afterAll(() => rm(root, { recursive: true }));

/** The videos that a training reads, and how many it says there are. */
async function learnFrom(name: string, train: object, { seed = 1, sizes }: { seed?: number; sizes?: number[] } = {}) {
  const training = await datasetOf(videosFrom(0, 20));
  const read: number[] = [];
  const spied: Dataset = new Proxy(training, {
    get: (target, key) => {
      if (key !== 'batch') return Reflect.get(target, key, target);
      const batch: Dataset['batch'] = (indices, of) => {
        read.push(...indices);
        return training.batch(indices, of);
      };
      return batch;
    },
  });
  let examples = 0;
  const options: PretrainOptions = {
    folder: join(root, name),
    settings: {
      model: { width: 6, layers: 1, heads: 2, maxPositions: 16 },
      text: { budget: 8 },
      tasks: { tag: null, mlm: {}, mfm: {} },
      train: { batchSize: 2, ...train },
    },
    tokenizer,
    data: { training: spied, heldOut: await datasetOf(videosFrom(50, 4)), ...(sizes && { sizes }) },
    seed,
    observer: { onStart: (start) => void (examples = start.examples) },
  };
  const { step } = await pretrain(options);
  return { read, examples, step, videos: [...new Set(read)].sort((a, b) => a - b) };
}

describe('train.share', () => {
  it('learns from so many of the videos, which the seed draws, in epochs of that length', async () => {
    const few = await learnFrom('few', { epochs: 3, share: 0.3 });
    expect(few).toMatchObject({ examples: 6, step: 9 });
    expect(few.videos).toHaveLength(6);
    const again = await learnFrom('again', { epochs: 3, share: 0.3 });
    expect(again.read).toEqual(few.read);
    expect((await learnFrom('other', { epochs: 3, share: 0.3 }, { seed: 2 })).videos).not.toEqual(few.videos);
    expect((await learnFrom('all', { epochs: 1 })).videos).toHaveLength(20);
  });

  it('goes through what it has of each split in turn', async () => {
    const { read } = await learnFrom('in-turn', { epochs: 1, share: 0.6, order: 'in-turn' }, { sizes: [11, 9] });
    const second = read.findIndex((index) => index >= 11);
    expect(second).toBeGreaterThan(0);
    expect(read.slice(second).every((index) => index >= 11)).toBe(true);
  });
});
