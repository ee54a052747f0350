import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { finetuneInMemory, openTrained, type LabelledInput } from '../../src/index.node.js';
import { MODEL_FILES, OLD, TEXTS, TOWER, VIDEO, bytesOf, videoFrames } from '../trained/fixtures.js';

const CATEGORIES = ['0100', '0300', '0901'];

/** Features that say what a video is. */
const videos: readonly LabelledInput[] = Array.from({ length: 12 }, (_, i) => ({
  id: `v${i}`,
  title: '笑脸',
  category: CATEGORIES[i % 3],
  features: [0, 1].map((n) => Float32Array.from({ length: 8 }, (_, k) => Math.sin(1 + k * (i % 3)) + 0.1 * n)),
}));
const model = join(OLD, 'pretrained');

beforeAll(() => tf.setBackend('cpu'));

describe('finetuneInMemory', () => {
  it('learns by heart, leaves no tensor, and its files are a model', async () => {
    const before = tf.memory().numTensors;
    const losses: number[] = [];
    const options = {
      steps: 60,
      batchSize: 6,
      learningRate: 0.03,
      onStep: ({ loss }: { loss: number }) => void losses.push(loss),
    };
    const { files, classes, step, interrupted } = await finetuneInMemory(model, videos, options);
    expect(tf.memory().numTensors).toBe(before);
    expect({ classes, step, interrupted }).toEqual({ classes: CATEGORIES, step: 60, interrupted: false });
    expect(losses[0]).toBeGreaterThan(0.9);
    expect(losses.at(-1)).toBeLessThan(0.6 * losses[0]);
    await using trained = await openTrained(files);
    const rows = await trained.classify(videos, { top: 1 });
    const chosen = rows.map(({ categories }) => categories[0].category);
    expect(chosen.filter((category, i) => category === videos[i].category).length).toBeGreaterThan(9);
  });

  it('starts from a model in memory as from its folder, and repeats itself to the last bit', async () => {
    const [here, there] = [model, bytesOf(model, [...MODEL_FILES, 'tag_list.txt'])];
    const [a, b] = [
      await finetuneInMemory(here, videos, { steps: 2 }),
      await finetuneInMemory(there, videos, { steps: 2 }),
    ];
    expect(Buffer.from(a.files['model.safetensors'] as Uint8Array)).toEqual(
      Buffer.from(b.files['model.safetensors'] as Uint8Array),
    );
    const other = await finetuneInMemory(here, videos, { steps: 2, seed: 2 });
    expect(other.files['model.safetensors']).not.toEqual(a.files['model.safetensors']);
  });

  it('ends when it is told to, with the model as it is', async () => {
    const ending = new AbortController();
    const onStep = ({ step }: { step: number }): void => (step === 3 ? ending.abort() : undefined);
    const { step, interrupted, files } = await finetuneInMemory(model, videos, { signal: ending.signal, onStep });
    expect({ step, interrupted }).toEqual({ step: 3, interrupted: true });
    await (await openTrained(files)).close();
  });

  it('says what is wrong before anything is learned', async () => {
    const fail = (given: readonly LabelledInput[], options = {}) =>
      expect(finetuneInMemory(model, given, options)).rejects;
    await fail([]).toThrow('finetuneInMemory: expected videos, and options that make sense, got batchSize');
    for (const category of ['', ' ', 'a\nb']) {
      const got = JSON.stringify(category);
      await fail([...videos, { ...videos[0], category }]).toThrow(
        `expected a category with a name of one line, got ${got}`,
      );
    }
    await fail(videos.slice(0, 1)).toThrow('expected videos of two categories or more, got 1 of 0100 alone');
    await fail(videos, { steps: 0.5 }).toThrow('expected a whole number of steps from 1 up, got 0.5');
    await fail(videos, { learningRate: -1 }).toThrow('got learningRate:');
    const narrow = videos.map((video) => ({ ...video, features: [[1, 2]] }));
    await expect(finetuneInMemory(model, narrow)).rejects.toThrow('v0: expected frame features of 8 values, got 2');
  });
});

describe('features', () => {
  it('of frames are what the same model makes of them itself, those of a bad video are left out', async () => {
    await using trained = await openTrained(join(OLD, 'similarity'), { tower: TOWER });
    const skipped: string[] = [];
    const inputs = [
      { id: 'file', video: VIDEO },
      { id: 'bad', video: '/no' },
      { id: 'frames', frames: await videoFrames() },
    ];
    const rows = await trained.features(inputs, { onSkip: ({ id }) => skipped.push(id) });
    expect(rows.map(({ id }) => id)).toEqual(['file', 'frames']);
    expect(skipped).toEqual(['bad']);
    const [{ features }] = rows;
    expect(features.shape[1]).toBe(8);
    const [expected, actual] = await trained.embed([
      { video: VIDEO, ...TEXTS },
      { features, ...TEXTS },
    ]);
    actual.embedding.forEach((value, i) => expect(value).toBeCloseTo(expected.embedding[i], 6));
  });
});
