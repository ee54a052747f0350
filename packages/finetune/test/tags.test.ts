import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { multilabelF1 } from '@wbdc/metrics';
import { sigmoidCrossEntropy } from '@wbdc/nn';
import { beforeEach, describe, expect, it } from 'vitest';
import { ENGINES, distance, useEngine, wave } from '../../../tools/testing.js';
import { chooseThresholds, decideTags, tagTruth } from '../src/index.js';
import { asymmetricLoss, disagreementOfEach } from '../src/losses.js';

const read = (path: string): unknown => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
type Name = 'asymmetric' | 'asymmetricBoth' | 'binary';
const fixture = read('fixtures/finetune.json') as Record<Name, { loss: number; gradients: { logits: number[] } }>;

describe.each(ENGINES)('losses of tags on %s', (engine) => {
  beforeEach(() => useEngine(engine));
  const truth = (): tf.Tensor2D =>
    tf.tensor2d(
      wave(21, 1.5, 1).map((value) => Number(value > 0.6)),
      [3, 7],
    );
  const logits = (): tf.Tensor2D => tf.tensor2d(wave(21, 0.5, 3), [3, 7]);
  const ofAsymmetry = (gammaPositive: number, gammaNegative: number, clip: number) => (x: tf.Tensor) =>
    asymmetricLoss(x as tf.Tensor2D, truth(), { gammaPositive, gammaNegative, clip });

  it.each<[Name, (x: tf.Tensor) => tf.Scalar]>([
    ['asymmetric', ofAsymmetry(0, 4, 0.05)],
    ['asymmetricBoth', ofAsymmetry(1, 2, 0)],
    ['binary', (x) => sigmoidCrossEntropy(x, truth())],
  ])('%s: value and gradient equal PyTorch', (name, loss) => {
    const { value, grad } = tf.valueAndGrad(loss)(logits());
    expect(value.dataSync()[0]).toBeCloseTo(fixture[name].loss, 5);
    expect(distance(grad.dataSync(), fixture[name].gradients.logits)).toBeLessThan(1e-5);
  });

  it('R-Drop of tags is half of both divergences of two Bernoulli distributions, and both sides learn', () => {
    const [x, y] = [wave(21, 0.5, 3), wave(21, 0.7, 2)];
    const divergence = (a: number, b: number): number => {
      const [p, q] = [1 / (1 + Math.exp(-a)), 1 / (1 + Math.exp(-b))];
      return p * Math.log(p / q) + (1 - p) * Math.log((1 - p) / (1 - q));
    };
    const of = (left: ArrayLike<number>, right: ArrayLike<number>): number =>
      Array.from(left, (a, i) => (divergence(a, right[i]) + divergence(right[i], a)) / 2 / left.length).reduce(
        (sum, one) => sum + one,
      );
    const [left, right] = [x, y].map((values) => tf.tensor2d(values, [3, 7]));
    const { value, grads } = tf.valueAndGrads((...of: tf.Tensor[]) =>
      disagreementOfEach(of[0] as tf.Tensor2D, of[1] as tf.Tensor2D),
    )([left, right]);
    expect(value.dataSync()[0]).toBeCloseTo(of(x, y), 5);
    const moved = (values: ArrayLike<number>, by: number) => Array.from(values, (one, i) => (i === 4 ? one + by : one));
    const slopes = [
      (of(moved(x, 1e-4), y) - of(moved(x, -1e-4), y)) / 2e-4,
      (of(x, moved(y, 1e-4)) - of(x, moved(y, -1e-4))) / 2e-4,
    ];
    grads.forEach((grad, i) => expect(grad.dataSync()[4]).toBeCloseTo(slopes[i], 4));
  });

  it('has a finite gradient where the answer is certain', () => {
    const certain = (x: tf.Tensor) =>
      asymmetricLoss(x as tf.Tensor2D, tf.tensor2d([1, 1, 0, 0], [2, 2]), {
        gammaPositive: 1,
        gammaNegative: 4,
        clip: 0.05,
      });
    const { value, grad } = tf.valueAndGrad(certain)(tf.tensor2d([100, -100, 100, -100], [2, 2]));
    expect(Number.isFinite(value.dataSync()[0])).toBe(true);
    expect(grad.dataSync().every((one) => Number.isFinite(one))).toBe(true);
  });
});

describe('thresholds', () => {
  interface Case {
    readonly rows: number;
    readonly columns: number;
    readonly truth: number[];
    readonly scores: number[];
    readonly bestF1: number[];
  }
  const cases = read('../../metrics/test/fixtures/multilabel.json') as Case[];

  it('reach the best F1 that scikit-learn finds for each tag', () => {
    for (const { truth, scores, bestF1, ...size } of cases) {
      const thresholds = chooseThresholds(truth, scores, size);
      const { perLabel } = multilabelF1(truth, decideTags(scores, thresholds), size);
      perLabel.forEach((value, k) => bestF1[k] > 0 && expect(value).toBeCloseTo(bestF1[k], 12));
    }
  });

  it('stand between what is taken and what is not; of a tag that nobody has, at the best of all', () => {
    const truth = [1, 0, 0, 0, 1, 0, 0, 0];
    const scores = [0.9, 0.8, 0.3, 0.1, 0.7, 0.2, 0.1, 0.6];
    const [first, second] = chooseThresholds(truth, scores, { rows: 4, columns: 2 });
    expect(first).toBeCloseTo(0.5, 12);
    expect(second).toBeCloseTo(0.65, 12);
    expect([...chooseThresholds([], [], { rows: 0, columns: 2 })]).toEqual([0.5, 0.5]);
    expect(() => chooseThresholds([1, 0], [0.5, NaN], { rows: 2, columns: 1 })).toThrow('got NaN in row 1');
  });
});

it('writes a table of what videos have, and refuses tags that there are not', () => {
  expect([...tagTruth({ ids: ['a', 'b'], tags: [[1], []] }, 2)]).toEqual([0, 1, 0, 0]);
  expect(() => tagTruth({ ids: ['a'], tags: [[2]] }, 2)).toThrow('expected indices below 2, got 2 for a');
});
