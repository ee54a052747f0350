import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { appendLine, readLines, wholeLinesOf } from '../src/index.js';
import { testFolder } from './folder.js';

const path = join(testFolder(), '行.jsonl');

describe('whole lines', () => {
  it('reach up to the last end of a line, wherever a file was cut', async () => {
    const bytes = Buffer.from('{"猫":1}\n\r\n{"狗":2}\n');
    const ends = [...bytes.keys()].filter((at) => bytes[at] === 0x0a).map((at) => at + 1);
    for (let length = 0; length <= bytes.length; length++) {
      await writeFile(path, bytes.subarray(0, length));
      const end = Math.max(0, ...ends.filter((one) => one <= length));
      expect(await wholeLinesOf(path)).toEqual({ end, rest: bytes.subarray(end, length) });
      const lines: string[] = [];
      for await (const { text } of readLines(path, 100, end)) lines.push(text);
      expect(lines.join('|')).toBe(['', '{"猫":1}', '{"猫":1}|', '{"猫":1}||{"狗":2}'][ends.indexOf(end) + 1]);
    }
  });

  it('are found behind half a line of any length', async () => {
    const rest = 'x'.repeat(200_000);
    await writeFile(path, `a\n${rest}`);
    expect(await wholeLinesOf(path)).toMatchObject({ end: 2, rest: { length: 200_000 } });
  });
});

describe('appendLine', () => {
  it('closes a last line that was cut, and adds one to what is whole', async () => {
    const out = join(testFolder(), 'a b.jsonl');
    await appendLine(out, 'one');
    await appendLine(out, 'two');
    await writeFile(out, `${await readFile(out, 'utf8')}{"thr`);
    await appendLine(out, 'four');
    expect(await readFile(out, 'utf8')).toBe('one\ntwo\n{"thr\nfour\n');
    await expect(appendLine(join(out, 'below'), 'x')).rejects.toThrow(/cannot write .*a b\.jsonl/);
  });
});
