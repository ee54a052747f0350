import { foldIn, randomKey } from '@wbdc/nn';
import { describe, expect, it } from 'vitest';
import { NO_TEXT, stableId, type WbdcSplit } from '@wbdc/data';
import { groupItems } from '../../src/prepare/groups.js';
import type { Item } from '../../src/prepare/item.js';
import { splitItems } from '../../src/prepare/splits.js';
import { Warnings } from '../../src/prepare/warnings.js';

/** Looks that differ in about half of their bits. */
const look = (seed: number): string =>
  Array.from({ length: 16 }, (_, k) =>
    ((foldIn(foldIn(randomKey(1), seed), k)[0] >>> 0) & 0xffff).toString(16).padStart(4, '0'),
  ).join('');

function item(
  i: number,
  category: string,
  more: { look?: string; hash?: string; group?: string; split?: string } = {},
): Item {
  const { look: shown = look(i), hash = `h${i}`, ...text } = more;
  return {
    id: stableId(`video/${i}`),
    source: { name: `${i}.mp4`, path: `/${i}.mp4`, kind: 'video', bytes: 1, modified: 1 },
    text: { ...NO_TEXT, ...text, category: category === '' ? [] : category.split('/') },
    decoded: { frames: 1, width: 1, height: 1, hash, look: shown },
  };
}

function divide(items: readonly Item[], earlier: ReadonlyMap<string, WbdcSplit> = new Map(), heldOut = 0.2) {
  const warnings = new Warnings();
  const groups = groupItems(items, warnings);
  const splits = splitItems(items, groups, { heldOut, seed: 1, earlier }, warnings);
  return { splits, warnings, of: (i: number) => splits.get(items[i])! };
}

const count = (splits: ReadonlyMap<Item, WbdcSplit>, split: WbdcSplit, category?: string): number =>
  [...splits].filter(([{ text }, name]) => name === split && (category === undefined || text.category[0] === category))
    .length;

describe('splits', () => {
  it('hold out a share of every category, and small ones make up for each other', () => {
    const items = Array.from({ length: 100 }, (_, i) => item(i, i < 40 ? 'a' : i < 70 ? 'b' : `c${i % 10}`));
    const { splits } = divide(items);
    expect(count(splits, 'test_a')).toBe(20);
    expect(count(splits, 'test_a', 'a')).toBe(8);
    expect(count(splits, 'test_a', 'b')).toBe(6);
    expect(count(splits, 'unlabeled')).toBe(0);
    const learned = new Set(items.filter((one) => splits.get(one) === 'labeled').map(({ text }) => text.category[0]));
    for (const { text } of items) expect(learned).toContain(text.category[0]);
  });

  it('never part videos that look alike, are the same, or are of one group', () => {
    const flat = '0'.repeat(64);
    const near = look(7).replace(/^./, (digit) => (parseInt(digit, 16) ^ 7).toString(16));
    const items = [
      ...Array.from({ length: 20 }, (_, i) => item(i, 'a')),
      ...Array.from({ length: 10 }, (_, i) => item(20 + i, 'b', { look: near })),
      ...Array.from({ length: 10 }, (_, i) => item(30 + i, 'b', { look: flat, hash: 'same' })),
      ...Array.from({ length: 10 }, (_, i) => item(40 + i, i < 5 ? 'a' : '', { group: 'g' })),
      item(50, 'a', { look: flat }),
    ];
    for (const heldOut of [0.2, 0.5, 0.7]) {
      const { splits, of } = divide(items, new Map(), heldOut);
      const side = (i: number): boolean => of(i) === 'test_a';
      for (let i = 20; i < 30; i++) expect(side(i)).toBe(side(7));
      for (let i = 31; i < 40; i++) expect(side(i)).toBe(side(30));
      for (let i = 41; i < 50; i++) expect(side(i)).toBe(side(40));
      expect(count(splits, 'test_a')).toBeGreaterThan(0);
    }
    const { warnings } = divide(items);
    expect(warnings.counts).toEqual({ alike: 2, 'same pictures, other category': 1 });
    expect(warnings.lines()[0]).toMatch(/^alike\t7\.mp4 = 20\.mp4 = .* = 1 more$/);
  });

  it('keep what was held out before, and follow the table first', () => {
    const items = Array.from({ length: 30 }, (_, i) => item(i, 'a'));
    const first = divide(items).splits;
    const earlier = new Map(Array.from(first, ([{ id }, split]) => [id, split]));
    const later = divide([...items, ...Array.from({ length: 30 }, (_, i) => item(100 + i, 'a'))], earlier);
    for (const one of items) expect(later.splits.get(one)).toBe(first.get(one));
    expect(count(later.splits, 'test_a')).toBe(12);
    const told = [
      item(0, 'a', { split: 'Train' }),
      item(1, 'a', { split: '测试' }),
      item(2, '', { split: 'val' }),
      item(3, 'a', { split: 'what' }),
    ];
    const { of, warnings } = divide(told, new Map([[told[0].id, 'test_a']]));
    expect([of(0), of(1), of(2)]).toEqual(['labeled', 'test_a', 'test_a']);
    expect(warnings.lines()).toEqual([expect.stringContaining("expected a split such as train or test, got 'what'")]);
  });

  it('divide unlabelled videos only where nothing is labelled', () => {
    const mixed = divide([
      ...Array.from({ length: 10 }, (_, i) => item(i, 'a')),
      ...Array.from({ length: 10 }, (_, i) => item(20 + i, '')),
    ]);
    expect([count(mixed.splits, 'unlabeled'), count(mixed.splits, 'test_a')]).toEqual([10, 2]);
    const none = divide(Array.from({ length: 10 }, (_, i) => item(i, '')));
    expect([count(none.splits, 'unlabeled'), count(none.splits, 'test_a')]).toEqual([8, 2]);
  });

  it('hold something out even where every category has one video', () => {
    expect(count(divide(Array.from({ length: 8 }, (_, i) => item(i, `c${i}`))).splits, 'test_a')).toBeGreaterThan(0);
    expect(count(divide([item(0, 'a'), item(1, 'b')], new Map(), 0.1).splits, 'test_a')).toBe(1);
  });
});
