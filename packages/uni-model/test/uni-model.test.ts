import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { floats, flatten, ints, randomKey, type Batch } from '@wbdc/nn';
import { beforeEach, describe, expect, it } from 'vitest';
import { ENGINES, distance, fillWithWaves, useEngine, wave } from '../../../tools/testing.js';
import { QQ_LARGE, TINY, WBDC_BASE, uniModel, type UniModel } from '../src/index.js';

const fixture = JSON.parse(readFileSync(new URL('fixtures/uni-model.json', import.meta.url), 'utf8')) as {
  text: number[];
  frames: number[];
  gradients: Record<string, number[]>;
};
const config = {
  vocabSize: 23,
  hiddenSize: 14,
  layers: 2,
  heads: 2,
  intermediateSize: 22,
  maxPositions: 11,
  segments: 2,
  dropout: 0.1,
  frameSize: 13,
  maxFrames: 5,
  frameSegment: 0,
};
const tokens = ints([3, 7], Int32Array.of(2, 5, 7, 11, 13, 17, 3, 2, 22, 19, 3, 0, 0, 0, 2, 3, 0, 0, 0, 0, 0));
const batch: Batch = {
  ids: ['a', 'b', 'c'],
  tokens,
  segments: ints([3, 7], Int32Array.of(0, 0, 0, 1, 1, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)),
  textMask: ints([3, 7], tokens.data.map(Math.sign)),
  frames: floats([3, 5, 13], wave(3 * 5 * 13, 0.25, 1)),
  frameMask: ints([3, 5], Int32Array.of(1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0)),
  spans: [[], [], []],
};

describe.each(ENGINES)('single-stream model on %s', (engine) => {
  const model = uniModel(config);
  let params: UniModel;
  beforeEach(async () => {
    await useEngine(engine);
    params = model.init(randomKey(1));
    fillWithWaves(flatten(params));
  });

  const masked = (x: tf.Tensor, { data, shape }: Batch['textMask']): tf.Tensor =>
    tf.mul(x, tf.tensor3d(Float32Array.from(data), [...shape, 1] as [number, number, number]));
  const encode = (): { text: tf.Tensor; frames: tf.Tensor; cls: tf.Tensor } => {
    const { text, frames, cls } = model.encode(params, batch, {});
    return { text: masked(text, batch.textMask), frames: masked(frames, batch.frameMask), cls };
  };

  it('gives the hidden states of the reference, also in the order [CLS] frames text', () => {
    const { text, frames, cls } = encode();
    expect(distance(text.dataSync(), fixture.text)).toBeLessThan(1e-5);
    expect(distance(frames.dataSync(), fixture.frames)).toBeLessThan(1e-5);
    expect(distance(cls.dataSync().subarray(0, 14), fixture.text.slice(0, 14))).toBeLessThan(1e-5);
  });

  it('gives the gradients of the reference', () => {
    const leaves = flatten(params);
    const weighted = (x: tf.Tensor, phase: number): tf.Tensor =>
      tf.sum(tf.mul(x, tf.tensor(wave(x.size, phase, 1), x.shape)));
    const loss = (): tf.Tensor => {
      const { text, frames } = encode();
      return tf.add(weighted(text, 0.5), weighted(frames, 1.5));
    };
    const gradients = tf.grads(loss)(leaves.map(({ leaf }) => leaf));
    leaves.forEach(({ path }, i) => {
      expect(distance(gradients[i].dataSync(), fixture.gradients[path]), path).toBeLessThan(1e-4);
    });
  });

  it('does not see padding', () => {
    const noisy = {
      ...batch,
      frames: floats([3, 5, 13], batch.frames.data.slice()),
      tokens: ints([3, 7], tokens.data.slice()),
    };
    noisy.frames.data.fill(99, 3 * 13, 5 * 13);
    noisy.tokens.data.fill(7, 11, 14);
    const [clean, dirty] = [batch, noisy].map((b) =>
      masked(model.encode(params, b, {}).text, batch.textMask).dataSync(),
    );
    expect(distance(dirty, clean)).toBe(0);
  });

  it('works without a single frame column', () => {
    const bare = { ...batch, frames: floats([3, 0, 13]), frameMask: ints([3, 0]) };
    const { text, frames } = model.encode(params, bare, {});
    expect(frames.shape).toEqual([3, 0, 14]);
    // Row 2 has no frames in either batch.
    const [with5, with0] = [encode().text, text].map((t) => t.dataSync().subarray(2 * 7 * 14, 2 * 7 * 14 + 2 * 14));
    expect(distance(with0, with5)).toBeLessThan(1e-6);
  });

  it('leaves no tensor behind', () => {
    const before = tf.memory().numTensors;
    const { text, frames, cls } = model.encode(params, batch, { dropout: randomKey(3) });
    tf.dispose([text, frames, cls]);
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('configuration', () => {
  beforeEach(() => useEngine('cpu'));

  const count = (c: typeof TINY): number => {
    const { hiddenSize: d, intermediateSize: i } = c;
    const layer = 4 * (d * d + d) + (d * i + i) + (i * d + d) + 4 * d;
    const text = (c.vocabSize + c.maxPositions + c.segments + 2) * d;
    return text + c.layers * layer + (c.frameSize * d + d) + (c.maxFrames + c.segments + 2) * d;
  };

  it('has the published sizes', () => {
    // bert-base-chinese and chinese-roberta-wwm-ext-large without their poolers, and the frames' own block.
    expect(count(WBDC_BASE)).toBe(102_267_648 - 590_592 + (768 * 768 + 768 + 36 * 768));
    expect(count(QQ_LARGE)).toBe(325_522_432 - 1_049_600 + (1536 * 1024 + 1024 + 36 * 1024));
  });

  it('counts what it makes', () => {
    const made = flatten(uniModel(config).init(randomKey(1))).reduce((sum, { leaf }) => sum + leaf.size, 0);
    expect(made).toBe(count(config));
  });

  it.each([
    [{ heads: 3 }, 'expected hiddenSize to be a multiple of heads, got 14 and 3'],
    [{ layers: 0 }, 'expected layers to be a whole number from 1, got 0'],
    [{ dropout: 1 }, 'expected dropout in [0, 1), got 1'],
    [{ frameSegment: 2 }, 'expected frameSegment in [0, segments = 2), got 2'],
  ])('refuses %o', (wrong, message) => {
    expect(() => uniModel({ ...config, ...wrong })).toThrow(message);
  });

  it.each([
    [{ frames: floats([3, 5, 11]) }, 'expected frame features of width 13, got 11'],
    [{ frames: floats([3, 7, 13]), frameMask: ints([3, 7]) }, 'expected at most 5 frames, got 7'],
    [{ tokens: ints([3, 7], new Int32Array(21).fill(23)) }, 'expected token ids below 23, got 23'],
  ])('refuses a batch that does not fit', (wrong, message) => {
    const model = uniModel(config);
    expect(() => model.encode(model.init(randomKey(1)), { ...batch, ...wrong }, {})).toThrow(message);
  });
});
