import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { jsonlSink } from '../src/node.js';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'jsonl-'));
  path = join(folder, 'metrics.jsonl');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const record = (step: number, mAP: number) => ({ type: 'evaluation' as const, step, metrics: { mAP }, seconds: 0.5 });

it('writes one record a line, and forgets what lies past the resumed step', async () => {
  const first = await jsonlSink(path);
  for (const step of [1, 2, 3]) await first.write(record(step, step / 8));
  await first.flush?.();
  await first.close?.();
  await appendFile(path, '{"type":"step","st');
  const second = await jsonlSink(path, 2);
  await second.write(record(3, 0.75));
  await second.close?.();
  const lines = (await readFile(path, 'utf8')).trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line))).toEqual([record(1, 0.125), record(2, 0.25), record(3, 0.75)]);
});

it('is the file of an uninterrupted run after going on from any cut', async () => {
  const records = [1, 2, 3].map((step) => record(step, step / 8));
  const whole = records.map((one) => `${JSON.stringify(one)}\n`).join('');
  const goOn = async (length: number): Promise<void> => {
    const path = join(folder, `${length}.jsonl`);
    const checkpoint = whole.slice(0, length).split('\n').length - 1; // its records are on the disk before it is
    await writeFile(path, whole.slice(0, length));
    const sink = await jsonlSink(path, checkpoint);
    expect(await readFile(path, 'utf8')).toBe(whole.slice(0, whole.slice(0, length).lastIndexOf('\n') + 1));
    for (const one of records.slice(checkpoint)) await sink.write(one);
    await sink.close?.();
    expect(await readFile(path, 'utf8')).toBe(whole);
  };
  // Side by side, for they wait for the disk.
  await Promise.all(Array.from({ length: whole.length + 1 }, (_, length) => goOn(length)));
});

it('overwrites nothing silently, and resumes without a file too', async () => {
  await (await jsonlSink(path, 3)).close?.();
  expect(await readFile(path, 'utf8')).toBe('');
  await expect(jsonlSink(path)).rejects.toThrow(/metrics\.jsonl exists: expected a new file/);
  await writeFile(join(folder, 'file'), '');
  await expect(jsonlSink(join(folder, 'no', 'x'))).rejects.toThrow(/cannot write .*: no such file or folder/);
});
