import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { countedAveragePrecision, countedMultilabelF1, meanAveragePrecision, multilabelF1 } from '../src/index.js';

interface Case {
  readonly rows: number;
  readonly columns: number;
  readonly truth: number[];
  readonly scores: number[];
  readonly decided: number[];
  readonly micro: number;
  readonly macro: number;
  readonly perLabel: number[];
  readonly overLabels: number;
  readonly overRows: number;
}
const cases = JSON.parse(readFileSync(new URL('fixtures/multilabel.json', import.meta.url), 'utf8')) as Case[];

describe.each(cases.map((one) => [`${one.rows} x ${one.columns}`, one] as const))('labels %s', (_, one) => {
  it('have the F1 of scikit-learn', () => {
    const { micro, macro, perLabel } = multilabelF1(one.truth, one.decided, one);
    expect(micro).toBeCloseTo(one.micro, 12);
    expect(macro).toBeCloseTo(one.macro, 12);
    perLabel.forEach((value, i) => expect(value).toBeCloseTo(one.perLabel[i], 12));
  });

  it('have the mean average precision of scikit-learn, over labels and over rows', () => {
    expect(meanAveragePrecision(one.truth, one.scores, one)).toBeCloseTo(one.overLabels, 12);
    expect(meanAveragePrecision(one.truth, one.scores, one, 'rows')).toBeCloseTo(one.overRows, 12);
  });

  it('have both on resamples, as of the repeated rows', () => {
    const precision = countedAveragePrecision(one.truth, one.scores, one);
    const f1 = countedMultilabelF1(one.truth, one.decided, one);
    for (const shift of [0, 1, 2]) {
      const counts = Array.from({ length: one.rows }, (_, i) => (shift === 0 ? 1 : (i * shift) % 3));
      const repeated = (table: readonly number[]): number[] =>
        counts.flatMap((count, i) =>
          Array.from({ length: count }, () => table.slice(i * one.columns, (i + 1) * one.columns)).flat(),
        );
      const [truth, scores, decided] = [one.truth, one.scores, one.decided].map(repeated);
      const size = { rows: counts.reduce((sum, count) => sum + count), columns: one.columns };
      const expected = multilabelF1(truth, decided, size);
      expect(precision(counts).labels).toBeCloseTo(meanAveragePrecision(truth, scores, size), 12);
      expect(precision(counts).rows).toBeCloseTo(meanAveragePrecision(truth, scores, size, 'rows'), 12);
      expect(f1(counts).micro).toBeCloseTo(expected.micro, 12);
      expect(f1(counts).macro).toBeCloseTo(expected.macro, 12);
    }
  });
});

it('refuses tables of other sizes, and knows nothing of no label', () => {
  expect(() => multilabelF1([1], [1, 0], { rows: 1, columns: 2 })).toThrow('expected a table of 1 x 2 values, got 1');
  expect(meanAveragePrecision([0, 0], [1, 2], { rows: 1, columns: 2 })).toBeNaN();
});
