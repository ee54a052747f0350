import { expect, it } from 'vitest';
import { flattenMeasured, gatherMeasured } from '../src/index.js';

it('measurements are taken apart and together', () => {
  const values = { 'recall@1': { value: 0.3, baseline: 0.01 }, loss: { value: 2 } };
  expect(flattenMeasured(values)).toEqual({ 'recall@1': 0.3, 'recall@1 baseline': 0.01, loss: 2 });
  expect(gatherMeasured(flattenMeasured(values))).toEqual(values);
});
