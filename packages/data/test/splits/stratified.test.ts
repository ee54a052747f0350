import { randomKey } from '@wbdc/nn/plain';
import { describe, expect, it } from 'vitest';
import { stratifiedGroupSplit } from '../../src/splits/stratified.js';

describe('stratified splits', () => {
  it('are the same for the same key, others for another', () => {
    const items = Array.from({ length: 40 }, (_, i) => i);
    const draw = (seed: number): string => {
      const shares = { a: 0.5, b: 0.5 };
      const splits = stratifiedGroupSplit(items, {
        shares,
        key: randomKey(seed),
        groupOf: String,
        stratumOf: () => 'x',
      });
      return items.map((one) => splits.get(one)).join('');
    };
    expect(draw(1)).toBe(draw(1));
    expect(draw(1)).not.toBe(draw(2));
  });
});
