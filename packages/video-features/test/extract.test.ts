import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs';
import { clipVision, type ClipVisionParams } from '@wbdc/clip-model';
import { randomKey } from '@wbdc/nn';
import { zipSync } from 'fflate';
import * as ort from 'onnxruntime-node';
import { beforeAll, describe, expect, it } from 'vitest';
import { ENGINES, distance, useEngine, WEBGPU } from '../../../tools/testing.js';
import {
  CLIP_PREPROCESSING,
  SourceError,
  decodeImage,
  decodeVideo,
  extractFeatures,
  featureRecipe,
  preprocess,
  recipeDifferences,
  type DecodeVideo,
  type ExtractOptions,
  type VideoFeatures,
  type VideoInput,
} from '../src/index.js';
import { onnxFeatures } from '../src/onnx.js';
import { fixtureBytes } from './fixtures.js';
import { temporaryFolder } from './folder.js';

const tower = clipVision({
  ...{ imageSize: 10, patchSize: 5, width: 14, layers: 1, heads: 2, intermediateSize: 22, projection: 11 },
});
const PICTURES = ['wide.jpg', 'tall.png', 'small.png', 'grey.jpg'];
let params: ClipVisionParams;
beforeAll(async () => {
  await useEngine('cpu');
  params = tower.init(randomKey(3));
});

/** Zips with 1, 2, 3... pictures. */
function videos(count: number): VideoInput[] {
  const folder = temporaryFolder();
  return Array.from({ length: count }, (_, i) => {
    const path = join(folder, `${i}.zip`);
    const names = Array.from({ length: i + 1 }, (_, k) => [`${k}.x`, fixtureBytes(PICTURES[(i + k) % 4])] as const);
    writeFileSync(path, zipSync(Object.fromEntries(names)));
    return { id: `video ${i}`, path };
  });
}

async function run(options: Partial<ExtractOptions> & Pick<ExtractOptions, 'videos'>): Promise<VideoFeatures[]> {
  const all: VideoFeatures[] = [];
  for await (const features of extractFeatures({ tower, params, ...options })) all.push(features);
  return all;
}

async function expected(file: string): Promise<{ pooled: ArrayLike<number>; projected: ArrayLike<number> }> {
  const pixels = await preprocess(await decodeImage(fixtureBytes(file)), { ...CLIP_PREPROCESSING, imageSize: 10 });
  const { pooled, projected } = tower.forward(params, tf.tensor4d(pixels, [1, 3, 10, 10]));
  return { pooled: pooled.dataSync(), projected: projected!.dataSync() };
}

describe.each(ENGINES)('extractFeatures on %s', (engine) => {
  // TensorFlow chooses how it multiplies by the shape of the whole batch.
  const apart = engine === 'tensorflow' ? 1e-5 : 0;
  it(`gives a video the same in any batch, at most ${apart} apart`, async () => {
    await useEngine(engine);
    const usual = clipVision({ imageSize: 16, patchSize: 4, width: 64, layers: 2, heads: 2, intermediateSize: 256 });
    const options = { tower: usual, params: usual.init(randomKey(5)), videos: videos(3) };
    const all = await run({ ...options, batchSize: 6 });
    for (const batchSize of [1, 2, 5]) {
      for (const [i, { id, features }] of (await run({ ...options, batchSize })).entries()) {
        expect([id, features.shape]).toEqual([all[i].id, all[i].features.shape]);
        expect(distance(features.data, all[i].features.data)).toBeLessThanOrEqual(apart);
      }
    }
    await useEngine('cpu');
  });
});

describe('extractFeatures', () => {
  it.skipIf(!WEBGPU)('gives the same on a GPU by ONNX Runtime', async () => {
    const some = videos(3);
    const { compute, close } = await onnxFeatures(ort, { params, config: tower.config, provider: 'webgpu' });
    const found = await run({ videos: some, compute, batchSize: 4 });
    await close();
    const known = await run({ videos: some, batchSize: 4 });
    found.forEach(({ features }, i) => expect(distance(features.data, known[i].features.data)).toBeLessThan(1e-5));
  });

  it('says what to do where ONNX Runtime finds no GPU', async () => {
    const create = (): Promise<never> => Promise.reject(new Error('Failed to get a WebGPU adapter'));
    const none = { ...ort, InferenceSession: { create } };
    await expect(onnxFeatures(none, { params, config: tower.config, provider: 'webgpu' })).rejects.toThrow(
      "provider 'webgpu': expected a GPU with a driver for Vulkan, Metal or Direct3D 12, and onnxruntime-node 1.30, " +
        "got Failed to get a WebGPU adapter: use provider 'cpu'",
    );
  });

  it.each(['pooled', 'projected'] as const)('gives the same on ONNX Runtime: %s', async (output) => {
    const some = videos(3);
    const { compute, close } = await onnxFeatures(ort, { params, config: tower.config, output, threads: 1 });
    const found = await run({ videos: some, output, compute, batchSize: 4 });
    await close();
    const known = await run({ videos: some, output, batchSize: 4 });
    expect(found.map(({ id, features }) => [id, features.shape])).toEqual(
      known.map(({ id, features }) => [id, features.shape]),
    );
    found.forEach(({ features }, i) => expect(distance(features.data, known[i].features.data)).toBeLessThan(1e-5));
  });

  it.each([1, 3, 64])('gives every frame its features, in order, in batches of %i', async (batchSize) => {
    const before = tf.memory().numTensors;
    const all = await run({ videos: videos(4), batchSize });
    expect(tf.memory().numTensors).toBe(before);
    expect(all.map(({ id, features }) => [id, features.shape])).toEqual(
      [1, 2, 3, 4].map((n, i) => [`video ${i}`, [n, 14]]),
    );
    for (const [i, { features }] of all.entries()) {
      for (let k = 0; k <= i; k++) {
        const { pooled } = await expected(PICTURES[(i + k) % 4]);
        expect(distance(features.data.subarray(k * 14, (k + 1) * 14), pooled)).toBeLessThan(1e-5);
      }
    }
  });

  it('gives the projection on request', async () => {
    const [{ features }] = await run({ videos: videos(1), output: 'projected' });
    expect(features.shape).toEqual([1, 11]);
    expect(distance(features.data, (await expected('wide.jpg')).projected)).toBeLessThan(1e-5);
  });

  it('samples, and tells of progress', async () => {
    const counts: number[][] = [];
    const all = await run({
      videos: videos(3),
      sampling: { kind: 'even', limit: 2 },
      onProgress: ({ videos, frames, skipped }) => counts.push([videos, frames, skipped]),
    });
    expect(all.map(({ features }) => features.shape[0])).toEqual([1, 2, 2]);
    expect(counts.at(-1)).toEqual([3, 5, 0]);
  });

  it('skips a bad video with its reason, or ends with it', async () => {
    const list = videos(3);
    writeFileSync(list[1].path, zipSync({ '1.jpg': fixtureBytes('wide.jpg').subarray(0, 2000) }));
    list.push({ id: 'gone', path: '/nowhere.zip' });
    const skipped: string[] = [];
    const all = await run({ videos: list, onSkip: ({ id }, { message }) => skipped.push(`${id}: ${message}`) });
    expect(all.map(({ id }) => id)).toEqual(['video 0', 'video 2']);
    expect(skipped).toHaveLength(2);
    expect(skipped[0]).toMatch(/^video 1: .*1\.zip: 1\.jpg: expected a picture, got/);
    expect(skipped[1]).toMatch(/^gone: \/nowhere\.zip: expected a video/);
    await expect(run({ videos: list })).rejects.toThrow(SourceError);
  });

  it('never skips what is not the fault of the video', async () => {
    const decode: DecodeVideo = () => Promise.reject(new Error('disk on fire'));
    await expect(run({ videos: videos(2), decode, onSkip: () => undefined })).rejects.toThrow('disk on fire');
  });

  it.each([
    [2, 1, 3], // two ahead of the one that is waited for
    [2, 4, 8], // as many as fill two batches: the first has one frame
  ])('decodes %i videos ahead in batches of %i: %i at a time', async (ahead, batchSize, expected) => {
    let running = 0;
    let most = 0;
    const decode: DecodeVideo = async (video, settings) => {
      most = Math.max(most, ++running);
      // None ends before all have begun that may: two beside the first, whose frames then say how many.
      const begun = video.id === 'video 0' ? ahead + 1 : expected;
      for (let waited = 0; most < begun && waited < 200; waited++) await setTimeout(50);
      await setTimeout(50); // more would begin now
      const decoded = await decodeVideo(video, settings);
      running--;
      return decoded;
    };
    const all = await run({ videos: videos(9), decode, ahead, batchSize });
    expect(all).toHaveLength(9);
    expect(most).toBe(expected);
  });

  it('measures how long the tower waits for pictures', async () => {
    const decode: DecodeVideo = async (video, settings) => {
      await setTimeout(60);
      return decodeVideo(video, settings);
    };
    const states: { seconds: number; waited: number }[] = [];
    await run({ videos: videos(3), decode, ahead: 1, batchSize: 1, onProgress: (state) => states.push(state) });
    const { seconds, waited } = states.at(-1)!;
    expect(waited).toBeGreaterThan(0.1);
    expect(waited).toBeLessThan(seconds);
  });

  it('refuses settings that do not fit the tower, and weights that are not finite', async () => {
    const preprocessing = { ...CLIP_PREPROCESSING, imageSize: 15 };
    await expect(run({ videos: [], preprocessing })).rejects.toThrow("to the tower's 10 pixels, got 15");
    const bare = clipVision({ ...tower.config, projection: 0 });
    const projected = extractFeatures({ tower: bare, params, videos: [], output: 'projected' }).next();
    await expect(projected).rejects.toThrow('expected a tower with a projection');
    const broken = { ...params, classToken: tf.fill([14], NaN) as tf.Tensor1D };
    const features = extractFeatures({ tower, params: broken, videos: videos(1) }).next();
    await expect(features).rejects.toThrow('expected finite features for video video 0');
  });

  it('stops when it is told to', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(run({ videos: videos(2), signal })).rejects.toThrow('enough');
  });
});

describe('a recipe', () => {
  it('names what differs: weights, sizes, sampling', async () => {
    const made = { tower, params, preprocessing: CLIP_PREPROCESSING, sampling: { kind: 'even', limit: 32 } as const };
    const recipe = await featureRecipe(made);
    expect(recipeDifferences(recipe, JSON.parse(JSON.stringify(await featureRecipe(made))))).toEqual([]);
    const other = await featureRecipe({ ...made, params: tower.init(randomKey(4)), sampling: { kind: 'all' } });
    expect(recipeDifferences(recipe, other).map((line) => line.split(':')[0])).toEqual([
      'weights',
      'sampling.kind',
      'sampling.limit',
    ]);
  });
});
