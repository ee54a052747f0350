import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { FormatError } from '../src/errors.js';
import { readLines } from '../src/index.js';
import { testFolder } from './folder.js';

const folder = testFolder();
const path = join(folder, 'a.txt');

async function read(content: string | Buffer, maxBytes?: number): Promise<string[]> {
  writeFileSync(path, content);
  const lines: string[] = [];
  for await (const { number, text } of readLines(path, maxBytes)) lines.push(`${number} ${text}`);
  return lines;
}

it('reads lines of every system, the last one with or without its end', async () => {
  expect(await read('a\r\n\n视频\nlast')).toEqual(['1 a', '2 ', '3 视频', '4 last']);
  expect(await read('\ufeffa\n')).toEqual(['1 a']);
  expect(await read('')).toEqual([]);
});

it('finds the ends of lines wherever a chunk ends', async () => {
  const lines = Array.from({ length: 4000 }, (_, i) => '视'.repeat(i % 89));
  expect(await read(lines.join('\n'))).toEqual(lines.map((line, i) => `${i + 1} ${line}`));
});

it('refuses what is no text', async () => {
  await expect(read('a\n\xff'.repeat(2), 3)).resolves.toHaveLength(3);
  await expect(read(Buffer.from([0x61, 0x0a, 0xff, 0x0a]))).rejects.toThrow(/a\.txt: line 2: expected text in UTF-8/);
  const long = read(`a\n${'x'.repeat(200_000)}`, 1000);
  await expect(long).rejects.toThrow(/a\.txt: line 2: expected at most 1000 bytes, got more: is it a text file\?/);
  await expect(long).rejects.toBeInstanceOf(FormatError);
});

it('names a folder that is read as a file', async () => {
  const reading = (async () => {
    for await (const line of readLines(folder)) expect(line).toBeUndefined();
  })();
  await expect(reading).rejects.toMatchObject({ code: 'EISDIR', path: folder });
});
