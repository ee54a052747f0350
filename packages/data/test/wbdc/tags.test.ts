import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { byFrequency, countTags, readTagList, writeTagList } from '../../src/wbdc/tags.js';
import { testFolder } from '../folder.js';

const path = join(testFolder(), 'tag_list.txt');

it('counts videos a tag, most frequent first, equal ones in a fixed order', () => {
  const videos = [{ tags: ['b', 'c', 'c'] }, { tags: ['d', 'b'] }, {}, { tags: ['d', 'a', 'c'] }, { tags: ['c'] }];
  expect(countTags(videos).map(({ tag, count }) => [tag, count])).toEqual([
    ['c', 3],
    ['b', 2],
    ['d', 2],
    ['a', 1],
  ]);
});

it('adds up the counts of several sources', () => {
  expect(
    byFrequency([
      ['b', 1],
      ['a', 2],
      ['b', 1],
      ['c', 5],
    ]),
  ).toEqual([
    { tag: 'c', count: 5 },
    { tag: 'a', count: 2 },
    { tag: 'b', count: 2 },
  ]);
});

it('keeps a list', async () => {
  await writeTagList(path, ['美食', '7', 'a b']);
  expect(readFileSync(path, 'utf8')).toBe('美食\n7\na b\n');
  expect(await readTagList(path)).toEqual(['美食', '7', 'a b']);
  expect(await readTagList(path, 2)).toEqual(['美食', '7']);
  writeFileSync(path, '美食\r\n7\r\n\r\n \n');
  expect(await readTagList(path)).toEqual(['美食', '7']);
});

it.each([
  ['a\nb\na\n', /line 3: expected each tag once, got a again after line 1/],
  ['a\n\nb\n', /line 2: expected a tag, got an empty line/],
])('refuses %j', async (content, message) => {
  writeFileSync(path, content);
  await expect(readTagList(path)).rejects.toThrow(message);
  await expect(writeTagList(path, ['a\nb'])).rejects.toThrow(/one line/);
});
