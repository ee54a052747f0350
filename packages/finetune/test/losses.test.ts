import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { l2Normalize } from '@wbdc/nn';
import { beforeEach, describe, expect, it } from 'vitest';
import { ENGINES, distance, useEngine, wave } from '../../../tools/testing.js';
import { rowShares, targetRows } from '../src/labels.js';
import { cosentLoss, disagreement, rankingLoss, softCrossEntropy } from '../src/losses.js';

interface Reference {
  readonly loss: number;
  readonly gradients: Record<string, number[]>;
}
const fixture = JSON.parse(readFileSync(new URL('fixtures/finetune.json', import.meta.url), 'utf8')) as Record<
  'soft' | 'mixed' | 'rDrop' | 'cosent' | 'cosentEqual' | 'ranking',
  Reference
>;

describe.each(ENGINES)('losses on %s', (engine) => {
  beforeEach(() => useEngine(engine));
  const logits = (phase: number, scale: number): tf.Tensor2D => tf.tensor2d(wave(21, phase, scale), [3, 7]);
  const teacher = (rows: number): Float32Array =>
    tf.tidy(() =>
      tf
        .softmax(tf.tensor2d(wave(7 * rows, 1.5, 3), [rows, 7]))
        .dataSync<'float32'>()
        .slice(),
    );

  it('with the probabilities of a teacher equals PyTorch', () => {
    const { value, grad } = tf.valueAndGrad((x) => softCrossEntropy(x as tf.Tensor2D, teacher(3), rowShares(3)))(
      logits(0.5, 2),
    );
    expect(value.dataSync()[0]).toBeCloseTo(fixture.soft.loss, 5);
    expect(distance(grad.dataSync(), fixture.soft.gradients.logits)).toBeLessThan(1e-5);
  });

  it('with classes, a teacher and weights side by side equals PyTorch', () => {
    const targets = targetRows([2, teacher(1), 6], 7, 0.1);
    const shares = rowShares(3, [1, 0.25, 2]);
    const { value, grad } = tf.valueAndGrad((x) => softCrossEntropy(x as tf.Tensor2D, targets, shares))(logits(0.5, 2));
    expect(value.dataSync()[0]).toBeCloseTo(fixture.mixed.loss, 5);
    expect(distance(grad.dataSync(), fixture.mixed.gradients.logits)).toBeLessThan(1e-5);
  });

  it.each([
    ['cosent', [0.2, 0.9, 0.5, 0.5, 0]],
    ['cosentEqual', [0.5, 0.5, 0.5, 0.5, 0.5]],
  ] as const)('%s equals sentence-transformers', (name, labels) => {
    const of = (phase: number) => tf.tensor2d(wave(35, phase, 1), [5, 7]);
    const loss = (left: tf.Tensor, right: tf.Tensor): tf.Scalar => {
      const [a, b] = [l2Normalize(left as tf.Tensor2D), l2Normalize(right as tf.Tensor2D)];
      return cosentLoss(tf.sum(tf.mul(a, b), 1), Float32Array.from(labels));
    };
    const { value, grads } = tf.valueAndGrads(loss as (...xs: tf.Tensor[]) => tf.Tensor)([of(0.5), of(2.5)]);
    expect(value.dataSync()[0]).toBeCloseTo(fixture[name].loss, 4);
    expect(distance(grads[0].dataSync(), fixture[name].gradients.left)).toBeLessThan(1e-4);
    expect(distance(grads[1].dataSync(), fixture[name].gradients.right)).toBeLessThan(1e-4);
  });

  it('in-batch negatives with hard ones equal sentence-transformers', () => {
    const of = (phase: number) => tf.tensor2d(wave(35, phase, 1), [5, 7]);
    const loss = (...tables: tf.Tensor[]): tf.Scalar => {
      const [left, right, hard] = tables.map((table) => l2Normalize(table as tf.Tensor2D));
      return rankingLoss(left, tf.concat([right, hard], 0));
    };
    const { value, grads } = tf.valueAndGrads(loss)([of(0.5), of(2.5), of(4.5)]);
    expect(value.dataSync()[0]).toBeCloseTo(fixture.ranking.loss, 4);
    ['left', 'right', 'hard'].forEach((name, i) => {
      expect(distance(grads[i].dataSync(), fixture.ranking.gradients[name])).toBeLessThan(1e-4);
    });
  });

  it('R-Drop equals its reference in PyTorch', () => {
    const [targets, shares] = [targetRows([2, 0, 6], 7, 0), rowShares(3)];
    const loss = (left: tf.Tensor, right: tf.Tensor): tf.Scalar => {
      const [a, b] = [left as tf.Tensor2D, right as tf.Tensor2D];
      const truth = tf.add(softCrossEntropy(a, targets, shares), softCrossEntropy(b, targets, shares));
      return tf.add(tf.mul(truth, 0.5), tf.mul(disagreement(a, b, shares), 4));
    };
    const { value, grads } = tf.valueAndGrads(loss as (...xs: tf.Tensor[]) => tf.Tensor)([
      logits(0.5, 2),
      logits(0.9, 2.5),
    ]);
    expect(value.dataSync()[0]).toBeCloseTo(fixture.rDrop.loss, 5);
    expect(distance(grads[0].dataSync(), fixture.rDrop.gradients.left)).toBeLessThan(1e-5);
    expect(distance(grads[1].dataSync(), fixture.rDrop.gradients.right)).toBeLessThan(1e-5);
  });
});
