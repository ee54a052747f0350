import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { dropout, flatten, foldIn, ints, randomKey, subKey, type Encoded, type Encoder } from '@wbdc/nn';
import { beforeEach, describe, expect, it } from 'vitest';
import { PARITY_BATCH } from '../../../tools/encoder-parity.js';
import { ENGINES, distance, useEngine, wave } from '../../../tools/testing.js';
import { applyHead, categoryModel, newHead, similarityModel, type Head, type Label } from '../src/index.js';

interface Reference {
  readonly loss: number;
  readonly gradients: Record<string, number[]>;
}
const fixture = JSON.parse(readFileSync(new URL('fixtures/finetune.json', import.meta.url), 'utf8')) as Record<
  'smoothing' | 'similarity',
  Reference
> & { readonly pooled: Record<string, Record<string, number[]>> };

/** Gives parameters as the state of [CLS], so that what follows the encoder can be measured alone. */
const mirror: Encoder<{ cls: tf.Tensor2D }> = {
  hiddenSize: 7,
  vocabSize: 23,
  frameSize: 13,
  init: () => ({ cls: tf.variable(tf.tensor2d(wave(21, 0.5, 1), [3, 7])) as tf.Tensor as tf.Tensor2D }),
  encode: ({ cls }): Encoded => ({ text: tf.zeros([3, 7, 7]), frames: tf.zeros([3, 5, 7]), cls: tf.clone(cls) }),
  wordEmbeddings: () => tf.zeros([23, 7]),
};

/** A head that hands on what it gets. */
function identityHead(): Head {
  const head = newHead(randomKey(1), { hiddenSize: 7, pooling: 'cls', outputs: 7, dropout: 0 });
  tf.tidy(() => (head.output.weight as tf.Tensor as tf.Variable).assign(tf.eye(7)));
  return head;
}

describe.each(ENGINES)('finetuning on %s', (engine) => {
  beforeEach(() => useEngine(engine));

  it.each(['mean', 'attention'] as const)('%s pooling of nothing but padding is zero', (pooling) => {
    const states = { text: tf.tensor3d([5, 7, 3, 2], [2, 2, 1]), frames: tf.zeros([2, 0, 1]), cls: tf.zeros([2, 1]) };
    const batch = {
      ...PARITY_BATCH,
      textMask: ints([2, 2], Int32Array.of(0, 0, 1, 1)),
      frameMask: ints([2, 0]),
    };
    const config = { hiddenSize: 1, pooling, outputs: 1, dropout: 0 };
    const head = newHead(randomKey(1), config);
    tf.tidy(() => (head.output.weight as tf.Tensor as tf.Variable).assign(tf.ones([1, 1])));
    const [padding, words] = applyHead(head, states as Encoded, batch, config).dataSync();
    expect(padding).toBe(0);
    expect(words).toBeGreaterThan(1.9);
  });

  it('category loss equals PyTorch', () => {
    const model = categoryModel(mirror, { pooling: 'cls', outputs: 7, dropout: 0, labelSmoothing: 0.1 });
    const cls = tf.tensor2d(wave(21, 0.5, 2), [3, 7]);
    const head = identityHead();
    const loss = (x: tf.Tensor): tf.Tensor =>
      model.loss({ encoder: { cls: x as tf.Tensor2D }, head }, { batch: PARITY_BATCH, labels: [2, 0, 6] }).loss;
    const { value, grad } = tf.valueAndGrad(loss)(cls);
    expect(value.dataSync()[0]).toBeCloseTo(fixture.smoothing.loss, 5);
    expect(distance(grad.dataSync(), fixture.smoothing.gradients.logits)).toBeLessThan(1e-5);
  });

  it('similarity loss equals PyTorch', () => {
    const pairs = {
      ...mirror,
      encode: (params: { cls: tf.Tensor2D }) => ({ ...mirror.encode(params, PARITY_BATCH, {}) }),
    };
    const model = similarityModel(pairs, { pooling: 'cls', outputs: 7, dropout: 0 });
    const [left, right] = [0.5, 2.5].map((phase) => tf.tensor2d(wave(21, phase, 1), [3, 7]));
    const both = {
      batch: PARITY_BATCH,
      left: Int32Array.of(0, 1, 2),
      right: Int32Array.of(3, 4, 5),
      labels: Float32Array.of(0.2, 0.9, 0.5),
    };
    const head = identityHead();
    const loss = (a: tf.Tensor, b: tf.Tensor): tf.Tensor =>
      model.loss({ encoder: { cls: tf.concat([a, b], 0) as tf.Tensor2D }, head }, both).loss;
    const { value, grads } = tf.valueAndGrads(loss as (...xs: tf.Tensor[]) => tf.Tensor)([left, right]);
    expect(value.dataSync()[0]).toBeCloseTo(fixture.similarity.loss, 5);
    expect(distance(grads[0].dataSync(), fixture.similarity.gradients.left)).toBeLessThan(1e-5);
    expect(distance(grads[1].dataSync(), fixture.similarity.gradients.right)).toBeLessThan(1e-5);
  });

  it.each([
    ['mean', 'mean'],
    ['attention', 'attention'],
    ['attention-tanh', 'attention'],
    ['both', 'both'],
    ['cls', 'cls'],
  ] as const)('pools by %s as PyTorch, gradients too', (name, pooling) => {
    const attention = name === 'attention-tanh' ? 'tanh' : 'linear';
    const config = { pooling, attention, outputs: 5, dropout: 0, hiddenSize: 7 } as const;
    const head = newHead(randomKey(3), config);
    const assign = (path: string, phase: number): void => {
      const leaf = flatten(head).find((param) => param.path === path)!.leaf as tf.Variable;
      tf.tidy(() => leaf.assign(tf.tensor(wave(leaf.size, phase, 1), leaf.shape)));
    };
    assign('output.weight', 5);
    assign('output.bias', 6);
    if (pooling === 'attention') assign('attention.weight', 7);
    if (pooling === 'attention') assign('attention.bias', 8);
    if (attention === 'tanh') assign('attentionHidden.weight', 9);
    if (attention === 'tanh') assign('attentionHidden.bias', 10);
    const states = [
      [3, 7, 7],
      [3, 5, 7],
      [3, 7],
    ].map((shape, i) =>
      tf.tensor(
        wave(
          shape.reduce((a, b) => a * b),
          i + 1,
          1,
        ),
        shape,
      ),
    );
    const run = (text: tf.Tensor, frames: tf.Tensor, cls: tf.Tensor): tf.Tensor2D =>
      applyHead(head, { text, frames, cls } as Encoded, PARITY_BATCH, config);
    const expected = fixture.pooled[name];
    expect(distance(run(states[0], states[1], states[2]).dataSync(), expected.output)).toBeLessThan(1e-5);
    const gradients = tf.grads((text, frames, cls) => {
      const untouched = tf.mul(tf.add(tf.sum(text), tf.add(tf.sum(frames), tf.sum(cls))), 0);
      return tf.add(tf.sum(tf.mul(run(text, frames, cls), tf.tensor2d(wave(15, 4, 1), [3, 5]))), untouched);
    })(states);
    ['text', 'frames', 'cls'].forEach((name, i) => {
      const own = expected[name] ?? gradients[i].dataSync().map(() => 0);
      expect(distance(gradients[i].dataSync(), own), name).toBeLessThan(1e-5);
    });
  });

  it.each(['mean', 'attention', 'both', 'cls'] as const)('pools by %s without looking at padding', (pooling) => {
    const config = { pooling, outputs: 5, dropout: 0 };
    const encoded = (padding: number): Encoded => {
      const fill = (x: Float32Array, mask: Int32Array): Float32Array =>
        x.map((v, i) => (mask[Math.floor(i / 7)] ? v : padding));
      return {
        text: tf.tensor3d(fill(wave(147, 1, 1), PARITY_BATCH.textMask.data), [3, 7, 7]),
        frames: tf.tensor3d(fill(wave(105, 2, 1), PARITY_BATCH.frameMask.data), [3, 5, 7]),
        cls: tf.tensor2d(wave(21, 3, 1), [3, 7]),
      };
    };
    const run = (padding: number): ArrayLike<number> => {
      const model = similarityModel({ ...mirror, encode: () => encoded(padding) }, config);
      return model.embed(model.init(randomKey(3)), PARITY_BATCH).dataSync();
    };
    const vectors = run(0);
    expect(distance(run(1e3), vectors)).toBeLessThan(1e-6);
    for (let row = 0; row < 3; row++) {
      expect(Math.hypot(...Array.from(vectors).slice(row * 5, row * 5 + 5))).toBeCloseTo(1, 5);
    }
  });

  it('means the losses of the draws of multi-sample dropout', () => {
    const labels = Int32Array.of(2, 0, 6);
    const options = { pooling: 'cls', outputs: 7, dropout: 0.5 } as const;
    const model = categoryModel(mirror, { ...options, samples: 3 });
    const key = randomKey(2);
    const params = { encoder: mirror.init(key), head: identityHead() };
    // The same masks drawn outside: each sample's loss alone, then their mean.
    const plain = categoryModel(mirror, { ...options, dropout: 0 });
    const alone = [0, 1, 2].map((i) => {
      const cls = dropout(params.encoder.cls, 0.5, subKey(subKey(key, 'head'), i));
      return plain.loss({ ...params, encoder: { cls } }, { batch: PARITY_BATCH, labels }).loss.dataSync()[0];
    });
    const together = model.loss(params, { batch: PARITY_BATCH, labels }, key).loss.dataSync()[0];
    expect(new Set(alone).size).toBe(3);
    expect(together).toBeCloseTo(alone.reduce((a, b) => a + b, 0) / 3, 5);
    const still = model.loss(params, { batch: PARITY_BATCH, labels }).loss.dataSync()[0];
    expect(still).toBe(plain.loss(params, { batch: PARITY_BATCH, labels }).loss.dataSync()[0]);
  });

  it('R-Drop compares two passes with other dropout, and only in training', () => {
    const options = { pooling: 'cls', outputs: 5, dropout: 0.5 } as const;
    const batch = { batch: PARITY_BATCH, labels: Int32Array.of(0, 1, 2) };
    const key = randomKey(2);
    const params = categoryModel(mirror, options).init(randomKey(1));
    const loss = (rDrop: number, dropoutKey?: typeof key): number =>
      categoryModel(mirror, { ...options, rDrop })
        .loss(params, batch, dropoutKey)
        .loss.dataSync()[0];
    const passes = [loss(0, key), loss(0, foldIn(key, 'again'))];
    const [apart, twice] = [loss(1, key), loss(2, key)];
    const divergence = twice - apart;
    expect(divergence).toBeGreaterThan(1e-3);
    expect(apart - divergence).toBeCloseTo((passes[0] + passes[1]) / 2, 5);
    expect(loss(4)).toBe(loss(0));
  });

  it('R-Drop of cosines is their mean squared difference', () => {
    const options = { pooling: 'cls', outputs: 7, dropout: 0.5 } as const;
    const key = randomKey(2);
    const params = { encoder: mirror.init(key), head: identityHead() };
    const pairs = { batch: PARITY_BATCH, left: Int32Array.of(0, 1), right: Int32Array.of(1, 2) };
    const loss = (rDrop: number, labels: Float32Array, of = key): number =>
      similarityModel(mirror, { ...options, rDrop })
        .loss(params, { ...pairs, labels }, of)
        .loss.dataSync()[0];
    // mean((c - t)^2) of one pass for t = 0 and t = 1 gives the sum of its cosines; of two passes, the difference.
    const cosinesOf = (of: typeof key): number[] =>
      [Float32Array.of(0, 0), Float32Array.of(1, 0), Float32Array.of(0, 1)].map((labels) => loss(0, labels, of));
    const [a, b] = [key, foldIn(key, 'again')].map((of) => {
      const [none, first, second] = cosinesOf(of);
      return [first, second].map((value) => (1 - 2 * (value - none)) / 2);
    });
    const expected = ((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2) / 2;
    const zero = Float32Array.of(0, 0);
    expect(expected).toBeGreaterThan(1e-3);
    expect(loss(3, zero) - loss(2, zero)).toBeCloseTo(expected, 4);
  });

  it('predicts probabilities and leaves no tensor behind', () => {
    const model = categoryModel(mirror, { pooling: 'attention', outputs: 5, dropout: 0.1, samples: 3 });
    const params = model.init(randomKey(1));
    expect(flatten(params).map(({ path }) => path)).toContain('head.attention.weight');
    const before = tf.memory().numTensors;
    const rows = tf.tidy(() => tf.sum(model.predict(params, PARITY_BATCH), 1).dataSync().slice());
    for (const sum of rows) expect(sum).toBeCloseTo(1, 5);
    tf.tidy(() => void model.loss(params, { batch: PARITY_BATCH, labels: Int32Array.of(0, 1, 2) }, randomKey(2)));
    expect(tf.memory().numTensors).toBeLessThanOrEqual(before + 12); // the mirror makes some itself
  });
});

describe('category labels', () => {
  beforeEach(() => useEngine('cpu'));

  it('are checked', () => {
    const model = categoryModel(mirror, { pooling: 'cls', outputs: 5, dropout: 0 });
    const run = (labels: ArrayLike<Label>, weights?: number[]) =>
      model.loss(model.init(randomKey(1)), { batch: PARITY_BATCH, labels, ...(weights && { weights }) });
    const even = Array<number>(5).fill(0.2);
    expect(() => run(Int32Array.of(0, 5, 1))).toThrow('expected labels in [0, 5), got 5 in row 1');
    expect(() => run([0, 0.5, 1])).toThrow('expected labels in [0, 5), got 0.5 in row 1');
    expect(() => run(Int32Array.of(0))).toThrow('expected 3 labels, got 1');
    expect(() => run([0, even.slice(1), 1])).toThrow('expected 5 probabilities, got 4 in row 1');
    expect(() => run([0, 1, [1, 1, 0, 0, 0]])).toThrow('expected probabilities with sum 1, got a sum of 2 in row 2');
    expect(() => run([0, 1, even], [0, 0, 0])).toThrow('expected 3 weights of 0 or more, not all 0, got [0, 0, 0]');
    expect(() => run([0, 1, even], [1, 1])).toThrow('expected 3 weights');
  });
});
