import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { distance } from '../../../tools/testing.js';
import {
  bootstrap,
  calibration,
  categoryScore,
  characterOverlap,
  characterOverlaps,
  countedCategoryScore,
  countedSpearman,
  pairedDifference,
  percentileInterval,
  properScores,
  spearman,
  tfidf,
  tfidfCosine,
  topAccuracies,
  type CategoryScore,
} from '../src/index.js';

interface Fixture {
  readonly spearman: {
    readonly left: number[];
    readonly right: number[];
    readonly counts: number[][];
    readonly values: number[];
    readonly bootstrap: {
      readonly interval: [number, number];
      readonly distribution: number[];
      readonly intervals: Record<string, [number, number]>;
    };
  };
  readonly categories: {
    readonly truth: string[];
    readonly predicted: string[];
    readonly counts: number[][];
    readonly scores: CategoryScore[];
    readonly macroBootstrap: [number, number];
  };
  readonly calibration: Record<'confidence' | 'right' | 'counts' | 'meanConfidence' | 'accuracy', number[]> &
    Record<'ece' | 'mce', number>;
  readonly probabilities: {
    readonly values: number[];
    readonly truth: number[];
    readonly logLoss: number;
    readonly brier: number;
    readonly top: Record<string, number>;
  };
  readonly tfidf: {
    readonly corpus: string[];
    readonly asked: string[];
    readonly cosines: number[][];
    readonly vector: Record<string, number>;
  };
}
const fixture = JSON.parse(readFileSync(new URL('fixtures/evaluation.json', import.meta.url), 'utf8')) as Fixture;

describe('on resamples', () => {
  it('Spearman equals scipy on the repeated values', () => {
    const { left, right, counts, values } = fixture.spearman;
    const measure = countedSpearman(left, right);
    counts.forEach((own, i) => expect(measure(own)).toBeCloseTo(values[i], 12));
    expect(measure(left.map(() => 1))).toBeCloseTo(spearman(left, right), 12);
    expect(measure(left.map((_, i) => (i < 2 ? 40 : 0)))).toBe(left[0] === left[1] ? NaN : expect.any(Number));
    expect(countedSpearman([1, 1, 2], [1, 2, 3])([3, 2, 0])).toBeNaN();
    expect(countedSpearman([1, NaN, 2], [1, 2, 3])([1, 1, 1])).toBeNaN();
  });

  it('categories equal scikit-learn on the repeated videos', () => {
    const { truth, predicted, counts, scores } = fixture.categories;
    const measure = countedCategoryScore(truth, predicted);
    counts.forEach((own, i) => {
      const actual = measure(own);
      for (const [name, value] of Object.entries(scores[i])) {
        expect(actual[name as keyof CategoryScore], name).toBeCloseTo(value, 12);
      }
    });
    expect(measure(truth.map(() => 1))).toEqual(categoryScore(truth, predicted));
  });
});

describe('intervals', () => {
  it('of given resamples equal scipy', () => {
    const { distribution, intervals } = fixture.spearman.bootstrap;
    for (const [level, [low, high]] of Object.entries(intervals)) {
      const own = percentileInterval(distribution, Number(level));
      expect(own.low).toBeCloseTo(low, 12);
      expect(own.high).toBeCloseTo(high, 12);
    }
  });

  it('of own resamples are near those of scipy', () => {
    const { left, right, bootstrap: expected } = fixture.spearman;
    const measure = countedSpearman(left, right);
    const { rho } = bootstrap(left.length, (counts) => ({ rho: measure(counts) }), { samples: 8000 });
    const own = percentileInterval(rho);
    expect(distance([own.low, own.high], expected.interval)).toBeLessThan(0.008);
    const { truth, predicted, macroBootstrap } = fixture.categories;
    const score = countedCategoryScore(truth, predicted);
    const { macro } = bootstrap(truth.length, (counts) => ({ macro: score(counts).level2Macro }), { samples: 4000 });
    const second = percentileInterval(macro);
    expect(distance([second.low, second.high], macroBootstrap)).toBeLessThan(0.008);
  });

  it('cover the truth as often as they say', () => {
    // The mean of 40 draws from a die; 200 experiments of which 5 % may miss 3.5.
    let inside = 0;
    for (let seed = 0; seed < 200; seed++) {
      const rolls = Array.from({ length: 40 }, (_, i) => 1 + Math.floor(6 * noise(seed * 40 + i)));
      const { mean } = bootstrap(
        40,
        (counts) => ({ mean: rolls.reduce((sum, roll, i) => sum + roll * counts[i], 0) / 40 }),
        { samples: 300, seed },
      );
      const { low, high } = percentileInterval(mean);
      inside += low <= 3.5 && high >= 3.5 ? 1 : 0;
    }
    expect(inside).toBeGreaterThan(178);
    expect(inside).toBeLessThan(200);
  });

  it('are the same of the same seed, and unknown where most resamples are', () => {
    const draws = (seed: number) => bootstrap(5, (counts) => ({ first: counts[0] }), { samples: 50, seed }).first;
    expect(draws(3)).toEqual(draws(3));
    expect(draws(3)).not.toEqual(draws(4));
    expect(percentileInterval([1, 2, NaN]).low).toBeCloseTo(1.025, 12);
    expect(percentileInterval([1, NaN, NaN])).toEqual({ low: NaN, high: NaN });
    expect(() => bootstrap(0, () => ({}))).toThrow('expected items to draw from, got 0');
    expect(() => bootstrap(1, () => ({}), { samples: 0 })).toThrow('expected resamples from 1, got 0');
    expect(() => percentileInterval([1, 2], 95)).toThrow('expected a confidence from 0 to 1, got 95');
    expect(percentileInterval([1, Infinity, Infinity], 0.5)).toEqual({ low: Infinity, high: Infinity });
  });
});

it('a paired difference is seen where each interval alone hides it', () => {
  // The second model is right wherever the first is, and on some videos more.
  const first = Array.from({ length: 100 }, (_, i) => (noise(i) < 0.6 ? 1 : 0));
  const better = first.map((value, i) => (i % 5 === 0 ? 1 : value));
  const share = (own: readonly number[]) => (counts: ArrayLike<number>) => ({
    share: own.reduce((sum, value, i) => sum + value * counts[i], 0) / 100,
  });
  const [a, b] = [first, better].map((own) => bootstrap(100, share(own)).share);
  const [alone, other] = [percentileInterval(a), percentileInterval(b)];
  expect(alone.high).toBeGreaterThan(other.low);
  const difference = pairedDifference(b, a);
  expect(difference.significant).toBe(true);
  expect(difference.p).toBeLessThan(0.05);
  expect(pairedDifference(a, a)).toEqual({ low: 0, high: 0, p: 1, significant: false });
  const unknown = pairedDifference([1, 1, NaN, NaN, NaN], [0, 0, 0, 0, 0]);
  expect(unknown).toEqual({ low: NaN, high: NaN, p: NaN, significant: false });
  expect(() => pairedDifference([1], [])).toThrow('expected as many resamples of both, got 1 and 0');
});

describe('calibration', () => {
  it('equals scikit-learn', () => {
    const { confidence, right, counts, meanConfidence, accuracy, ece, mce } = fixture.calibration;
    const own = calibration(confidence, right);
    expect(own.bins.map(({ count }) => count)).toEqual(counts);
    const used = own.bins.filter(({ count }) => count > 0);
    expect(
      distance(
        used.map((bin) => bin.confidence),
        meanConfidence,
      ),
    ).toBeLessThan(1e-12);
    expect(
      distance(
        used.map((bin) => bin.accuracy),
        accuracy,
      ),
    ).toBeLessThan(1e-12);
    expect(own.ece).toBeCloseTo(ece, 12);
    expect(own.mce).toBeCloseTo(mce, 12);
    expect(() => calibration([1.1], [1])).toThrow('expected probabilities, got 1.1');
    expect(() => calibration([], [])).toThrow('from 1, got 0 and 0');
    expect(() => calibration([0.5], [1], 0)).toThrow('expected a count of bins from 1, got 0');
    expect(() => calibration([0.5], [1], 1.5)).toThrow('expected a count of bins from 1, got 1.5');
    expect(() => calibration([0.5], [2])).toThrow('expected 0 or 1 for right, got 2');
  });

  it('of all probabilities too', () => {
    const { values, truth, logLoss, brier, top } = fixture.probabilities;
    const own = properScores(values, truth);
    expect(own.logLoss).toBeCloseTo(logLoss, 12);
    expect(own.brier).toBeCloseTo(brier, 12);
    const ks = Object.keys(top).map(Number);
    expect(topAccuracies(values, truth, ks)).toEqual(ks.map((k) => expect.closeTo(top[k], 12)));
  });

  it('of a class that the model does not know is that of a miss', () => {
    const { brier, logLoss } = properScores([0.75, 0.25], [-1]);
    expect(brier).toBe(1 + 0.75 ** 2 + 0.25 ** 2);
    expect(logLoss).toBeCloseTo(-Math.log(Number.EPSILON), 12);
    expect(topAccuracies([0.75, 0.25], [-1], [1, 2])).toEqual([0, 0]);
    expect(topAccuracies([0.5, 0.5], [0], [1, 2])).toEqual([0, 1]);
    expect(topAccuracies([NaN, NaN], [0], [1, 2])).toEqual([0, 0]);
    expect(() => properScores([1, 2, 3], [0, 1])).toThrow('expected [2, C] probabilities, got 3 values');
    expect(() => properScores([0.5, NaN], [0])).toThrow('expected probabilities, got NaN');
    expect(() => properScores([1.5, -0.5], [0])).toThrow('expected probabilities, got 1.5');
    expect(() => properScores([0.5, 0.25], [0])).toThrow('expected rows that sum to 1, got 0.75');
    expect(() => properScores([0.5, 0.5], [2])).toThrow('expected true classes from 0 to 1, or -1, got 2');
    expect(() => topAccuracies([0.5, 0.5], [0.5], [1])).toThrow('expected true classes from 0 to 1, or -1, got 0.5');
  });
});

describe('letters', () => {
  it('weighed by TF-IDF equal scikit-learn', () => {
    const { corpus, asked, cosines, vector } = fixture.tfidf;
    const read = tfidf(corpus);
    const vectors = asked.map(read);
    asked.forEach((_, i) =>
      asked.forEach((__, j) => expect(tfidfCosine(vectors[i], vectors[j])).toBeCloseTo(cosines[i][j], 12)),
    );
    expect(Object.fromEntries(vectors[1])).toEqual(
      Object.fromEntries(Object.entries(vector).map(([term, weight]) => [term, expect.closeTo(weight, 12)])),
    );
  });

  it('overlap', () => {
    expect(characterOverlap('一只黑猫', '黑 猫')).toBe(0.5);
    expect(characterOverlap('Cat', 'cAT')).toBe(1);
    expect(characterOverlap('', ' ')).toBe(0);
    expect(characterOverlap('𠮷', '𠮶')).toBe(0);
  });
});

/** Numbers in [0, 1) without order. */
function noise(i: number): number {
  const value = Math.sin(i * 12.9898 + 4.1) * 43758.5453;
  return value - Math.floor(value);
}

it('characters in common of many texts and names are those of each two', () => {
  const [texts, names] = [
    ['一只黑猫 在雨中', 'Cat CAT', ''],
    ['黑猫', 'cat', '', '雨 雨'],
  ];
  const expected = texts.flatMap((text) => names.map((name) => Math.fround(characterOverlap(text, name))));
  expect([...characterOverlaps(texts, names)]).toEqual(expected);
  expect(expected.filter((value) => value > 0).length).toBeGreaterThan(2);
});
