import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { flatten, randomKey, type Encoded, type Encoder } from '@wbdc/nn';
import { beforeEach, describe, expect, it } from 'vitest';
import { PARITY_BATCH } from '../../../tools/encoder-parity.js';
import { ENGINES, distance, useEngine, wave } from '../../../tools/testing.js';
import { categoryModel, favourRareClasses, newHead, similarityModel, type Head } from '../src/index.js';

interface Reference {
  readonly loss: number;
  readonly gradients: Record<string, number[]>;
}
const fixture = JSON.parse(readFileSync(new URL('fixtures/finetune.json', import.meta.url), 'utf8')) as Record<
  'smoothing' | 'soft' | 'similarity',
  Reference
>;

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

  it.each([
    ['smoothing', Int32Array.of(2, 0, 6), { labelSmoothing: 0.1 }],
    ['soft', undefined, {}],
  ] as const)('category loss with %s labels equals PyTorch', (name, labels, options) => {
    const model = categoryModel(mirror, { pooling: 'cls', outputs: 7, dropout: 0, ...options });
    const cls = tf.tensor2d(wave(21, 0.5, 2), [3, 7]);
    const probabilities = tf.softmax(tf.tensor2d(wave(21, 1.5, 3), [3, 7])).dataSync<'float32'>();
    const head = identityHead();
    const loss = (x: tf.Tensor): tf.Tensor =>
      model.loss({ encoder: { cls: x as tf.Tensor2D }, head }, { batch: PARITY_BATCH, labels: labels ?? probabilities })
        .loss;
    const { value, grad } = tf.valueAndGrad(loss)(cls);
    expect(value.dataSync()[0]).toBeCloseTo(fixture[name].loss, 5);
    expect(distance(grad.dataSync(), fixture[name].gradients.logits)).toBeLessThan(1e-5);
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

  it('R-Drop punishes disagreement of two passes, and only in training', () => {
    const noisy = { ...mirror };
    const loss = (rDrop: number, training: boolean): number => {
      const model = categoryModel(noisy, { pooling: 'cls', outputs: 5, dropout: 0.5, rDrop });
      const params = model.init(randomKey(1));
      const key = training ? randomKey(2) : undefined;
      return model.loss(params, { batch: PARITY_BATCH, labels: Int32Array.of(0, 1, 2) }, key).loss.dataSync()[0];
    };
    expect(loss(4, true)).toBeGreaterThan(loss(1, true));
    expect(loss(4, false)).toBe(loss(0, false));
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
    const run = (labels: Int32Array | Float32Array) =>
      model.loss(model.init(randomKey(1)), { batch: PARITY_BATCH, labels });
    expect(() => run(Int32Array.of(0, 5, 1))).toThrow('expected labels in [0, 5), got 5 in row 1');
    expect(() => run(Int32Array.of(0))).toThrow('expected 3 labels, got 1');
    expect(() => run(new Float32Array(3))).toThrow('expected 3 x 5 probabilities, got 3');
  });

  it('of rare classes are favoured at prediction', () => {
    const probabilities = Float32Array.of(0.6, 0.4, 0.9, 0.1);
    favourRareClasses(probabilities, [1000, 10]);
    expect([...probabilities].map((p) => p.toFixed(3))).toEqual(['0.606', '0.800', '0.909', '0.200']);
  });
});
