import { describe, expect, it } from 'vitest';
import { compareNatural, isSystemFile } from '../src/index.js';

describe('natural order', () => {
  it('counts runs of digits as numbers', () => {
    const names = ['frame11.png', 'frame2.png', 'frame10.png', 'frame1.png', 'frame9.png'];
    expect(names.sort(compareNatural)).toEqual([1, 2, 9, 10, 11].map((i) => `frame${i}.png`));
    expect(['b/1', 'a10/2', 'a10/10', 'a9/3'].sort(compareNatural)).toEqual(['a9/3', 'a10/2', 'a10/10', 'b/1']);
  });

  it('is the order of code units where numbers have equal lengths, and for all but digits', () => {
    const names = ['00010.jpg', '00002.jpg', 'b.jpg', 'a.jpg', 'B.jpg', '猫.jpg', '', 'a.jpg~'];
    expect([...names].sort(compareNatural)).toEqual([...names].sort());
  });

  it('compares numbers longer than a double holds, and ties only equal names', () => {
    const long = '123456789012345678901234567890';
    expect([`${long}2`, `${long}1`, long].sort(compareNatural)).toEqual([long, `${long}1`, `${long}2`]);
    expect(['01', '1', '001', '0'].sort(compareNatural)).toEqual(['0', '001', '01', '1']);
    expect(compareNatural('1a', '1a')).toBe(0);
  });

  it('is the same from any start', () => {
    const pieces = ['', '0', '1', '10', '02', 'a', 'a!', '-', 'ab', '~', '猫'];
    const names = pieces.flatMap((first) => pieces.flatMap((second) => [first + second, `${first}${second}7`]));
    const sorted = [...new Set(names)].sort(compareNatural);
    expect([...sorted].reverse().sort(compareNatural)).toEqual(sorted);
    sorted.forEach((name, i) => {
      for (const other of sorted.slice(i + 1)) expect(compareNatural(name, other)).toBeLessThan(0);
    });
  });
});

it('knows what systems leave among files', () => {
  const system = [
    '.DS_Store',
    'a/._1.jpg',
    'Thumbs.db',
    'v/THUMBS.DB',
    'desktop.ini',
    '__MACOSX/1.jpg',
    'v/__MACOSX/b/1.jpg',
  ];
  const others = ['1.jpg', './v/1.jpg', 'thumbs.jpg', 'v/desktop.png', 'MACOSX/1.jpg', '..1', 'a.b/c'];
  expect(system.filter((path) => !isSystemFile(path))).toEqual([]);
  expect(others.filter((path) => isSystemFile(path))).toEqual(['..1']);
});
