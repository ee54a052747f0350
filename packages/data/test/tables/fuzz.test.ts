import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WbdcError } from '@wbdc/io/errors';
import { afterAll, expect, it } from 'vitest';
import { fuzz, FUZZ_RUNS } from '../../../../tools/fuzz.js';
import { DataError } from '../../src/files/data-error.js';
import { chooseColumns } from '../../src/tables/columns.js';
import { parseRow } from '../../src/tables/records.js';
import { readTable } from '../../src/tables/table.js';

const folder = mkdtempSync(join(tmpdir(), 'wbdc-fuzz-'));
afterAll(() => rmSync(folder, { recursive: true }));

const CSV = `file,title,ocr,category,tags\n${'a.mp4,"红烧肉, ""好吃""","一\n二",动物/猫,美食|探店\n'.repeat(4)}`;
const ROW = {
  file: 'a.mp4',
  title: '红烧肉',
  ocr: [{ time: 1, text: '字' }],
  category: '动物/猫',
  tags: ['美食'],
  id: 7,
};
const FILES: Record<string, string> = {
  't.csv': CSV,
  't.jsonl': `${JSON.stringify(ROW)}\n`.repeat(4),
  't.json': JSON.stringify([ROW, ROW]),
};

it.each(Object.entries(FILES))(
  '%s, damaged, is read or refused, quickly',
  async (name, text) => {
    const path = join(folder, name);
    const read = async (bytes: Buffer, onBad: (error: unknown) => void): Promise<void> => {
      writeFileSync(path, bytes);
      const { columns, rows } = await readTable(path, { onBad });
      const chosen = chooseColumns(path, columns);
      for (const row of rows) {
        try {
          parseRow(row, chosen);
        } catch (error) {
          onBad(error);
        }
      }
    };
    const refused = await fuzz({ name, original: Buffer.from(text), read, errors: [DataError, WbdcError] });
    expect(refused).toBeGreaterThan(FUZZ_RUNS / 20);
  },
  3_600_000,
);
