import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { floats, flatten, ints, randomKey, recomputing, type Batch, type Encoder, type ParamTree } from '@wbdc/nn';
import { beforeEach, describe, expect, it } from 'vitest';
import { ENGINES, distance, fillWithWaves, useEngine, wave } from './testing.js';

/** Hidden states and gradients by tools/parity/models.py. */
interface Reference {
  readonly text: number[];
  readonly frames: number[];
  readonly gradients: Record<string, number[]>;
}

/** The sizes of the fixtures' text encoder. */
export const PARITY_SIZES = {
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
};

const tokens = ints([3, 7], Int32Array.of(2, 5, 7, 11, 13, 17, 3, 2, 22, 19, 3, 0, 0, 0, 2, 3, 0, 0, 0, 0, 0));

/** Three videos: with some frames, with all frames and little text, with neither. */
export const PARITY_BATCH: Batch = {
  ids: ['a', 'b', 'c'],
  tokens,
  segments: ints([3, 7], Int32Array.of(0, 0, 0, 1, 1, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)),
  textMask: ints([3, 7], tokens.data.map(Math.sign)),
  frames: floats([3, 5, 13], wave(3 * 5 * 13, 0.25, 1)),
  frameMask: ints([3, 5], Int32Array.of(1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0)),
  spans: [[], [], []],
};

function masked(x: tf.Tensor, { data, shape }: Batch['textMask']): tf.Tensor {
  return tf.mul(x, tf.tensor3d(Float32Array.from(data), [...shape, 1] as [number, number, number]));
}

/** What every encoder owes: the reference's numbers, blindness to padding, missing modalities, no leaked tensor. */
export function describeEncoder<P extends ParamTree>(name: string, encoder: Encoder<P>, fixture: URL): void {
  const reference = JSON.parse(readFileSync(fixture, 'utf8')) as Reference;
  const batch = PARITY_BATCH;
  describe.each(ENGINES)(`${name} on %s`, (engine) => {
    let params: P;
    beforeEach(async () => {
      await useEngine(engine);
      params = encoder.init(randomKey(1));
      fillWithWaves(flatten(params));
    });
    const encode = (of: Batch): { text: tf.Tensor; frames: tf.Tensor; cls: tf.Tensor } => {
      const { text, frames, cls } = encoder.encode(params, of, {});
      return { text: masked(text, of.textMask), frames: masked(frames, of.frameMask), cls };
    };

    it('gives the hidden states of the reference', () => {
      const { text, frames, cls } = encode(batch);
      expect(distance(text.dataSync(), reference.text)).toBeLessThan(1e-5);
      expect(distance(frames.dataSync(), reference.frames)).toBeLessThan(1e-5);
      expect(distance(cls.dataSync().subarray(0, 14), reference.text.slice(0, 14))).toBeLessThan(1e-5);
    });

    it('gives the gradients of the reference', () => {
      const leaves = flatten(params).filter(({ path }) => path in reference.gradients);
      const weighted = (x: tf.Tensor, phase: number): tf.Tensor =>
        tf.sum(tf.mul(x, tf.tensor(wave(x.size, phase, 1), x.shape)));
      const loss = (): tf.Tensor => {
        const { text, frames } = encode(batch);
        return tf.add(weighted(text, 0.5), weighted(frames, 1.5));
      };
      expect(leaves.length).toBe(flatten(params).length);
      const gradients = tf.grads(loss)(leaves.map(({ leaf }) => leaf));
      leaves.forEach(({ path }, i) => {
        expect(distance(gradients[i].dataSync(), reference.gradients[path]), path).toBeLessThan(1e-4);
      });
    });

    it('does not see padding', () => {
      const frames = floats([3, 5, 13], batch.frames.data.slice());
      const noisy = { ...batch, frames, tokens: ints([3, 7], tokens.data.slice()) };
      frames.data.fill(99, 3 * 13, 5 * 13);
      noisy.tokens.data.fill(7, 11, 14);
      const [clean, dirty] = [batch, noisy].map((of) => masked(encoder.encode(params, of, {}).text, batch.textMask));
      expect(distance(dirty.dataSync(), clean.dataSync())).toBe(0);
    });

    it('works without a single frame column', () => {
      const bare = { ...batch, frames: floats([3, 0, 13]), frameMask: ints([3, 0]) };
      const { text, frames } = encoder.encode(params, bare, {});
      expect(frames.shape).toEqual([3, 0, 14]);
      // Row 2 has no frames in either batch.
      const [with5, with0] = [encode(batch).text, text].map((t) =>
        t.dataSync().subarray(2 * 7 * 14, 2 * 7 * 14 + 2 * 14),
      );
      expect(distance(with0, with5)).toBeLessThan(1e-6);
    });

    it('computes its layers anew in the backward pass where asked, with the same gradients, dropout included', () => {
      const leaves = flatten(params).map(({ leaf }) => leaf);
      const gradients = (of: Encoder<P>): tf.Tensor[] =>
        tf.grads(() => {
          const { text, frames, cls } = of.encode(params, batch, { dropout: randomKey(5) });
          const sums = [masked(text, batch.textMask), masked(frames, batch.frameMask), cls].map((x) =>
            tf.sum(tf.square(x)),
          );
          return tf.addN(sums);
        })(leaves);
      const expected = gradients(encoder);
      const before = tf.memory().numTensors;
      const actual = gradients(recomputing(encoder));
      expect(tf.memory().numTensors).toBe(before + actual.length);
      actual.forEach((gradient, i) => {
        expect(distance(gradient.dataSync(), expected[i].dataSync()), flatten(params)[i].path).toBe(0);
      });
    });

    it('repeats itself for the same dropout key, and leaves no tensor behind', () => {
      const run = (seed: number): ArrayLike<number> =>
        tf.tidy(() =>
          encoder
            .encode(params, batch, { dropout: randomKey(seed) })
            .cls.dataSync()
            .slice(),
        );
      const first = run(3);
      const before = tf.memory().numTensors;
      expect(run(3)).toEqual(first);
      expect(distance(run(4), first)).toBeGreaterThan(1e-3);
      expect(tf.memory().numTensors).toBe(before);
    });
  });
}
