import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { stableId, wbdcLayout, writeAnnotations, type Video } from '@wbdc/data';
import { buildVocabulary, checkWbdcData } from '@wbdc/pipeline/prepare';

let root: string;
const SIZES = { small: 500, large: 1500 };
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'wbdc-growth-'));
  await mkdir(join(root, 'annotations'));
  for (const [split, count] of Object.entries(SIZES)) {
    await writeAnnotations(wbdcLayout(root).annotations(split), videos(count));
  }
});
afterAll(() => rm(root, { recursive: true, force: true }));

function* videos(count: number): Generator<Video> {
  for (let i = 0; i < count; i++) {
    const title = `${String.fromCodePoint(0x4e00 + (i % 300))}猫`.repeat(200);
    yield { id: stableId(`${i}`), title, asr: '', ocr: [] };
  }
}

/** Bytes of JavaScript's memory that are in use when half of a split has been read. */
async function heldWhileReading(split: keyof typeof SIZES, read: (signal: AbortSignal) => Promise<unknown>) {
  let held = 0;
  let asked = 0;
  // It is asked at every record.
  const signal = Object.assign(new AbortController().signal, {
    throwIfAborted: () => {
      if (++asked !== SIZES[split] - 10) return;
      collect();
      held = process.memoryUsage().heapUsed;
    },
  });
  collect();
  const before = process.memoryUsage().heapUsed;
  await read(signal);
  expect(held).toBeGreaterThan(0);
  return held - before;
}

it('holds no text of the annotations while a vocabulary is built', async () => {
  const build = (split: string) => (signal: AbortSignal) =>
    buildVocabulary({ root, splits: [split], vocab: { size: 1000, minFrequency: 2 }, signal });
  await heldWhileReading('small', build('small')); // what is made once
  const small = await heldWhileReading('small', build('small'));
  const large = await heldWhileReading('large', build('large'));
  // 1,000 titles of 800 bytes each are 0.8 MB
  expect(large - small).toBeLessThan(0.3e6);
});

it('measures a vocabulary on all texts, and shows titles from all over the data', async () => {
  const { texts, tokens, unknown, sample, splits } = await buildVocabulary({
    ...{ root, splits: ['small'], vocab: { size: 1000, minFrequency: 2 } },
  });
  expect({ texts, tokens, unknown }).toEqual({ texts: 1500, tokens: 500 * 400, unknown: 0 });
  expect(splits).toEqual([{ split: 'small', videos: 500, bad: 0 }]);
  expect(sample.map(({ title }) => title.codePointAt(0)! - 0x4e00)).toEqual([50, 250, 150]);
  expect(sample[0].tokens.slice(0, 2)).toEqual([String.fromCodePoint(0x4e00 + 50), '猫']);
});

it('says where an id was before', async () => {
  const seen: number[] = [];
  const warnings: string[] = [];
  const options = { root, splits: ['small', 'large'], maxBadShare: 1 };
  const observer = { onWarning: (line: string) => warnings.push(line) };
  for await (const { bad } of checkWbdcData({ ...options, observer })) seen.push(bad);
  expect(seen).toEqual([0, 500]);
  expect(warnings[0]).toContain('again, after small');
});
