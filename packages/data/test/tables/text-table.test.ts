import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readTextTable } from '../../src/tables/text-table.js';
import { testFolder } from '../folder.js';

it('reads texts and labels, and reports bad rows', async () => {
  const path = join(testFolder(), 't.csv');
  writeFileSync(path, 'file,name,views\na.mp4,猫,7\n,狗,8\nb.mp4\n');
  const bad: string[] = [];
  const table = await readTextTable(path, {
    columns: { title: 'name' },
    onBad: ({ message }) => bad.push(message.replace(path, 't.csv')),
  });
  expect(table.records.map(({ video, title }) => [video, title])).toEqual([['a.mp4', '猫']]);
  expect([table.columns, table.unused, table.about]).toEqual([
    { title: 'name', video: 'file' },
    ['views'],
    'separated by commas',
  ]);
  expect(bad).toEqual([
    expect.stringContaining('t.csv: row 4: expected 3 cells'),
    't.csv: row 3: expected the name of a video, got none',
  ]);
});
