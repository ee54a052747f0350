import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import {
  attentionRollout,
  disposeTree,
  floats,
  flatten,
  ints,
  randomKey,
  recomputing,
  sizeOf,
  type Batch,
  type BertConfig,
  type Context,
  type Encoder,
  type ParamTree,
} from '@wbdc/nn';
import { Tokenizer } from '@wbdc/tokenizer';
import { beforeEach, describe, expect, it } from 'vitest';
import { ENGINES, distance, fillWithWaves, useEngine, wave } from './testing.js';

/** Hidden states and gradients by tools/parity/models.py. */
export interface Reference {
  readonly text: number[];
  readonly frames: number[];
  readonly gradients: Record<string, number[]>;
}

/** The values of a model, by path. */
export const valuesOf = (params: ParamTree) =>
  new Map(flatten(params).map(({ path, leaf }) => [path, leaf.dataSync()]));

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

/** Sizes of the text encoder of folders that tests write: seven words of {@link FOLDER_TOKENIZER}. */
export const FOLDER_BERT: BertConfig = {
  vocabSize: 7,
  hiddenSize: 6,
  layers: 2,
  heads: 3,
  intermediateSize: 11,
  maxPositions: 13,
  segments: 2,
  dropout: 0.1,
};
export const FOLDER_TOKENIZER = Tokenizer.fromVocab(['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', '黑', '猫']);

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

/** One of the random configurations of tools/parity/models.py, with its batch and what the reference made of it. */
interface RandomCase<Sizes> {
  readonly sizes: Sizes;
  readonly tokens: number[][];
  readonly segments: number[][];
  readonly textMask: number[][];
  readonly frameMask: number[][];
}

/** The random cases of a fixture. */
export function readCases<Sizes, Results>(fixture: URL): (RandomCase<Sizes> & Results)[] {
  return JSON.parse(readFileSync(fixture, 'utf8')) as (RandomCase<Sizes> & Results)[];
}

/** The batch of a case; frames are waves, there and here. */
export function batchOfCase<Sizes extends { readonly frameSize: number }>(of: RandomCase<Sizes>): Batch {
  const table = (rows: number[][]) => ints([rows.length, rows[0].length], Int32Array.from(rows.flat()));
  const frameMask = table(of.frameMask);
  const shape = [...frameMask.shape, of.sizes.frameSize];
  return {
    ids: of.tokens.map((_, i) => String(i)),
    tokens: table(of.tokens),
    segments: table(of.segments),
    textMask: table(of.textMask),
    frames: floats(shape, wave(sizeOf(shape), 0.25, 1)),
    frameMask,
    spans: of.tokens.map(() => []),
  };
}

function masked(x: tf.Tensor, { data, shape }: Batch['textMask']): tf.Tensor {
  return tf.mul(x, tf.tensor3d(Float32Array.from(data), [...shape, 1] as [number, number, number]));
}

type MaskedStates = Record<'text' | 'frames' | 'cls', tf.Tensor>;

/** The states with zeros for padding. */
function maskedStates<P extends ParamTree>(encoder: Encoder<P>, params: P, batch: Batch): MaskedStates {
  const { text, frames, cls } = encoder.encode(params, batch, {});
  return { text: masked(text, batch.textMask), frames: masked(frames, batch.frameMask), cls };
}

/** States of real positions to 1e-5. */
export function compareStates<P extends ParamTree>(
  encoder: Encoder<P>,
  params: P,
  batch: Batch,
  reference: Reference,
): MaskedStates {
  const states = maskedStates(encoder, params, batch);
  expect(distance(states.text.dataSync(), reference.text)).toBeLessThan(1e-5);
  expect(distance(states.frames.dataSync(), reference.frames)).toBeLessThan(1e-5);
  return states;
}

/** Gradients of the sum of text and frames, each weighted by a wave. */
export function compareGradients<P extends ParamTree>(
  encoder: Encoder<P>,
  params: P,
  batch: Batch,
  reference: Reference,
  tolerance = 1e-4,
): void {
  const leaves = flatten(params);
  expect(leaves.map(({ path }) => path).sort()).toEqual(Object.keys(reference.gradients).sort());
  const weighted = (x: tf.Tensor, phase: number): tf.Tensor =>
    tf.sum(tf.mul(x, tf.tensor(wave(x.size, phase, 1), x.shape)));
  const loss = (): tf.Tensor => {
    const { text, frames } = maskedStates(encoder, params, batch);
    return tf.add(weighted(text, 0.5), weighted(frames, 1.5));
  };
  const gradients = tf.grads(loss)(leaves.map(({ leaf }) => leaf));
  leaves.forEach(({ path }, i) => {
    expect(distance(gradients[i].dataSync(), reference.gradients[path]), path).toBeLessThan(tolerance);
  });
}

/** An encoder of random sizes equals the reference of those sizes, in states and gradients. */
export function describeRandomEncoders<P extends ParamTree, Sizes extends { readonly frameSize: number }>(
  name: string,
  make: (sizes: Sizes) => Encoder<P>,
  fixture: URL,
): void {
  const cases = readCases<Sizes, Reference>(fixture).map((of) => ({ of, about: JSON.stringify(of.sizes) }));
  describe.each(ENGINES)(`${name} of random sizes on %s`, (engine) => {
    beforeEach(() => useEngine(engine));

    it.each(cases)('equals the reference: $about', ({ of }) => {
      const encoder = make(of.sizes);
      const params = encoder.init(randomKey(1));
      fillWithWaves(flatten(params));
      compareStates(encoder, params, batchOfCase(of), of);
      compareGradients(encoder, params, batchOfCase(of), of);
      disposeTree(params);
    });
  });
}

/** Attention weights and their rollout by tools/parity/attention.py. */
interface AttentionReference {
  /** `[B, H, Q, K]` of each attention, in the order of the layers. */
  readonly weights: number[][];
  /** `[B, L + F, L + F]` */
  readonly rollout: number[];
}

/** An encoder tells the attention weights of PyTorch, and rolls them out as the reference does. */
export function describeAttention<P extends ParamTree>(
  name: string,
  encoder: Encoder<P>,
  fixture: URL,
  batch: Batch,
): void {
  const reference = JSON.parse(readFileSync(fixture, 'utf8')) as AttentionReference;
  describe.each(ENGINES)(`attention of the ${name} on %s`, (engine) => {
    let params: P;
    beforeEach(async () => {
      await useEngine(engine);
      params = encoder.init(randomKey(1));
      fillWithWaves(flatten(params));
    });

    it('is told as in PyTorch', () => {
      const told: ArrayLike<number>[] = [];
      const attended: Context['attended'] = ({ weights }) => void told.push(weights.dataSync());
      const watched = encoder.encode(params, batch, { attended });
      expect(told).toHaveLength(reference.weights.length);
      told.forEach((weights, i) => expect(distance(weights, reference.weights[i])).toBeLessThan(1e-5));
      const alone = encoder.encode(params, batch, {});
      expect(distance(watched.text.dataSync(), alone.text.dataSync())).toBe(0);
    });

    it('is rolled out as in PyTorch, and leaves nothing behind', () => {
      const before = tf.memory().numTensors;
      const shares = attentionRollout(encoder, params, batch);
      expect(tf.memory().numTensors).toBe(before + 1);
      const [size, length] = [batch.tokens.shape[0], batch.tokens.shape[1] + batch.frameMask.shape[1]];
      expect(shares.shape).toEqual([size, length, length]);
      expect(distance(shares.dataSync(), reference.rollout)).toBeLessThan(1e-5);
      const bare = { ...batch, frames: floats([size, 0, 13]), frameMask: ints([size, 0]) };
      const text = attentionRollout(encoder, params, bare);
      expect(text.shape).toEqual([size, batch.tokens.shape[1], batch.tokens.shape[1]]);
    });
  });
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
    const encode = (of: Batch): MaskedStates => maskedStates(encoder, params, of);

    it('gives the hidden states of the reference', () => {
      const { text, cls } = compareStates(encoder, params, batch, reference);
      expect(distance(cls.dataSync().subarray(0, 14), text.dataSync().subarray(0, 14))).toBe(0);
    });

    it('gives the gradients of the reference', () => compareGradients(encoder, params, batch, reference));

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
