import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readLabels, writeLabels } from '../../src/aiac/labels.js';
import { testFolder } from '../folder.js';

const path = join(testFolder(), 'label.tsv');
const pairs = [
  { id1: '2345678901234567890', id2: '2345678901234567891', score: 0.85 },
  { id1: '2345678901234567891', id2: '2345678901234567899', score: 0 },
];

describe('label.tsv', () => {
  it('gives pairs back', async () => {
    await writeLabels(path, pairs);
    expect(await readLabels(path)).toEqual(pairs);
    writeFileSync(path, '\ufeff111\t222\t1.0\r\n333\t444\t0.05');
    expect(await readLabels(path)).toEqual([
      { id1: '111', id2: '222', score: 1 },
      { id1: '333', id2: '444', score: 0.05 },
    ]);
  });

  it.each([
    ['an empty line at the end', 'aaa\tbbb\t0.5\n\n'],
    ['empty lines between', '\naaa\tbbb\t0.5\n \n'],
    ['a line of names', 'id1\tid2\tscore\naaa\tbbb\t0.5\n'],
    ['blanks around', ' aaa \tbbb\t 0.5 \n'],
    ['a score as .5', 'aaa\tbbb\t.5\n'],
    ['a score as 5.E-1', 'aaa\tbbb\t5.E-1\n'],
  ])('is read with %s', async (_, content) => {
    writeFileSync(path, content);
    expect(await readLabels(path)).toEqual([{ id1: 'aaa', id2: 'bbb', score: 0.5 }]);
  });

  it.each([
    ['aaa\tbbb\tnan', /line 1: expected a score from 0 to 1/],
    ['aaa\tbbb\t0.5\nid1\tid2\tscore', /line 2: expected a score from 0 to 1/],
    ['111\t222', /label\.tsv: line 1: expected id1, id2 and score with tabs between, got "111\\t222"/],
    ['111\t222\t0.5\n111\t222\tx', /line 2: expected a score from 0 to 1/],
    ['111\t222\t1.05', /score from 0 to 1/],
    ['111\t222\t', /score from 0 to 1/],
    ['111\t222\t-0.1', /score from 0 to 1/],
    ['111\t2 2\t0.5', /an id of 3 to 64/],
    ['111\t111\t0.5', /line 1: expected two different videos, got "111\\t111\\t0\.5"/],
    ['111\t2.3e18\t0.5', /an id of 3 to 64/],
    [Buffer.from([0x31, 0xff, 0x0a]), /line 1: expected text in UTF-8/],
    ['1'.repeat(3 << 20), /at most 1048576 bytes/],
  ])('refuses %#', async (content, message) => {
    writeFileSync(path, content);
    await expect(readLabels(path)).rejects.toThrow(message);
  });

  it('skips labels of unknown videos and says so', async () => {
    await writeLabels(path, pairs);
    const messages: string[] = [];
    const known = await readLabels(path, {
      has: (id) => !id.endsWith('9'),
      onBad: (error) => messages.push(error.message),
    });
    expect(known).toEqual([pairs[0]]);
    expect(messages).toEqual([
      expect.stringMatching(/line 2: expected ids of known videos, not '2345678901234567899'/),
    ]);
  });
});
