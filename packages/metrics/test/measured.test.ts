import { expect, it } from 'vitest';
import { besideBaselines, flattenMeasured, gatherMeasured, isBelowBaseline, strongestBaseline } from '../src/index.js';

it('measurements are taken apart and together', () => {
  const values = { 'recall@1': { value: 0.3, baseline: 0.01 }, loss: { value: 2 } };
  expect(flattenMeasured(values)).toEqual({ 'recall@1': 0.3, 'recall@1 baseline': 0.01, loss: 2 });
  expect(gatherMeasured(flattenMeasured(values))).toEqual(values);
});

it('the strongest of named baselines counts', () => {
  const spearman = besideBaselines(0.6, { 'TF-IDF, titles': 0.55, 'TF-IDF, all texts': 0.68, constant: NaN });
  expect(spearman).toEqual({
    value: 0.6,
    baseline: 0.68,
    baselines: { 'TF-IDF, titles': 0.55, 'TF-IDF, all texts': 0.68 },
  });
  expect(strongestBaseline(spearman)).toBe('TF-IDF, all texts');
  expect(gatherMeasured(flattenMeasured({ spearman, 'a/b': { value: 1 } }))).toEqual({ spearman, 'a/b': { value: 1 } });
  expect(besideBaselines(0.6, {})).toEqual({ value: 0.6 });
  expect(strongestBaseline({ value: 1, baseline: 0 })).toBeUndefined();
});

it('a model is below its baseline where it reaches less, of errors more', () => {
  expect(isBelowBaseline('mlm/accuracy', { value: 0, baseline: 0 })).toBe(false);
  expect(isBelowBaseline('mse', { value: 0.5, baseline: 0.5 })).toBe(false);
  expect(isBelowBaseline('spearman', { value: 0.6, baseline: 0.68 })).toBe(true);
  expect(isBelowBaseline('spearman', { value: 0.7, baseline: 0.68 })).toBe(false);
  expect(isBelowBaseline('spearman', { value: NaN, baseline: 0.68 })).toBe(true);
  expect(isBelowBaseline('validation/mse', { value: 0.02, baseline: 0.08 })).toBe(false);
  expect(isBelowBaseline('mlm/loss', { value: 3, baseline: 2 })).toBe(true);
  expect(isBelowBaseline('score', { value: 0 })).toBe(false);
});
