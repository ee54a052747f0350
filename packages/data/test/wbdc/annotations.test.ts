import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readAnnotations, writeAnnotations, type Video } from '../../src/wbdc/annotations.js';
import { readDistinctVideos, readIds } from '../../src/wbdc/ids.js';
import { collect, testFolder } from '../folder.js';

const folder = testFolder();
const path = join(folder, 'labeled.json');
const plain = { id: '14514690031128344617', title: '', asr: '', ocr: [] };

function write(content: string | Buffer): string {
  writeFileSync(path, content);
  return path;
}

const read = (content: unknown): Promise<Video[]> => collect(readAnnotations(write(JSON.stringify(content))));

describe('readAnnotations', () => {
  it('reads records of the official format', async () => {
    const record = {
      id: '14514690031128344617',
      title: '三分钟学会"红烧肉"]}',
      asr: 'a\\',
      ocr: [
        { time: 0, text: '[,{' },
        { time: 3, text: 'é😀' },
      ],
      category_id: '0512',
      frame_count: 13,
    };
    expect(await read([record, { ...plain, id: '2'.repeat(19), tags: ['美食'] }])).toEqual([
      { id: record.id, title: record.title, asr: record.asr, ocr: record.ocr, categoryId: '0512' },
      { ...plain, id: '2'.repeat(19), tags: ['美食'] },
    ]);
  });

  it('reads what was written', async () => {
    const videos: Video[] = [
      { ...plain, title: 'eins "zwei"\n', categoryId: '2201', group: '作者' },
      { ...plain, id: '13', tags: [] as string[], ocr: [{ time: 1.5, text: '\u2028' }] },
    ].map((video, i) => ({ ...video, id: `${10 ** 18 + i}` }));
    expect(await writeAnnotations(path, videos)).toBe(2);
    expect(JSON.parse(readFileSync(path, 'utf8'))[0].category_id).toBe('2201');
    expect(await collect(readAnnotations(path))).toEqual(videos);
    expect(await writeAnnotations(path, [])).toBe(0);
    expect(await collect(readAnnotations(path))).toEqual([]);
  });

  it('keeps the earlier file when writing fails', async () => {
    await writeAnnotations(path, [plain]);
    const broken = (function* (): Generator<Video> {
      yield { ...plain, id: '999' };
      throw new Error('source failed');
    })();
    await expect(writeAnnotations(path, broken)).rejects.toThrow('source failed');
    expect(await collect(readAnnotations(path))).toEqual([plain]);
    expect(readdirSync(folder)).toEqual([basename(path)]);
  });

  it('finds the borders of records wherever a chunk ends', async () => {
    const videos = Array.from({ length: 400 }, (_, i) => ({
      ...plain,
      id: `1${String(i).padStart(18, '0')}`,
      title: '\\"é视频'.repeat(700 + (i % 13)),
    }));
    const content = Buffer.from(`\ufeff \n${JSON.stringify(videos, null, 1)}\n`);
    expect(content.length).toBeGreaterThan(3 << 20); // several chunks
    expect(await collect(readAnnotations(write(content)))).toEqual(videos);
  });

  it.each([
    [
      [{ ...plain, id: Number(plain.id) }],
      /record 0: field id: expected a string.*got the number 14514690031128.*lose precision/,
    ],
    [[plain, { ...plain, title: 7 }], /labeled\.json: record 1: field title: expected a string, got the number 7/],
    [
      [
        {
          ...plain,
          ocr: [
            { time: 1, text: 'a' },
            { time: 'x', text: 'a' },
          ],
        },
      ],
      /field ocr\[1\]\.time: expected a number of seconds, got the string "x"/,
    ],
    [[{ ...plain, id: '../../etc' }], /field id: expected 3 to 64 letters/],
    [[{ id: '123', title: '', asr: '' }], /field ocr: expected a list of \{time, text\}, got nothing/],
    [[{ ...plain, category_id: '12' }], /field category_id: expected 4 digits/],
    [[null], /record 0: expected an object with id, title, asr and ocr, got null/],
  ])('names the field of a bad record: %j', async (content, message) => {
    await expect(read(content)).rejects.toThrow(message);
  });

  it.each([
    ['{"id": 1}', /expected a JSON array/],
    ['', /got the end of the file before any array/],
    [`[${JSON.stringify(plain)}, {"id`, /inside record 1/],
    [`[${JSON.stringify(plain)}] x`, /end of the file after the array/],
    [`[${JSON.stringify(plain)}}`, /expected , or \] after record 0/],
  ])('refuses a broken array %j even where records may be bad', async (content, message) => {
    await expect(collect(readAnnotations(write(content), { onBad: () => undefined }))).rejects.toThrow(message);
  });

  it('skips and reports single bad records', async () => {
    const good = JSON.stringify(plain);
    const invalid = Buffer.concat([
      Buffer.from(`[${good},{"id": "1`),
      Buffer.from([0xff, 0xfe]),
      Buffer.from(`"},{"id" 3},${good},]`),
    ]);
    const messages: string[] = [];
    const videos = await collect(readAnnotations(write(invalid), { onBad: (error) => messages.push(error.message) }));
    expect(videos).toEqual([plain, plain]);
    expect(messages.map((message) => /record \d: expected valid JSON/.test(message))).toEqual([true, true, true]);
  });

  it('bounds the size of a record', async () => {
    const content = `[{"id": "${'1'.repeat(5000)}`;
    await expect(collect(readAnnotations(write(content), { maxRecordBytes: 1000 }))).rejects.toThrow(
      /at most 1000 bytes in record 0/,
    );
  });

  it('holds no more in memory for a large file than for a small one', async () => {
    const records = 60_000; // 100 MB
    const asr = '语音'.repeat(280);
    const path = join(folder, 'large.json');
    await writeAnnotations(
      path,
      (function* () {
        for (let i = 0; i < records; i++) yield { ...plain, id: `${10n ** 18n + BigInt(i)}`, asr };
      })(),
    );
    const before = process.memoryUsage().rss;
    let [count, peak] = [0, 0];
    for await (const video of readAnnotations(path)) {
      count += Number(video.asr === asr);
      if (count % 1000 === 0) peak = Math.max(peak, process.memoryUsage().rss - before);
    }
    expect(count).toBe(records);
    expect(peak).toBeLessThan(80e6);
  });

  it('says which file is missing', async () => {
    await expect(collect(readAnnotations(join(folder, 'none.json')))).rejects.toThrow(/none\.json/);
  });
});

it('of an id that stands there twice the first record stays, and the second one is told', async () => {
  const again = [plain, { ...plain, title: 'other' }, { ...plain, id: 'another' }];
  write(JSON.stringify(again));
  const told: string[] = [];
  const onBad = ({ message }: Error): unknown => told.push(message);
  expect((await collect(readDistinctVideos(path, { onBad }))).map(({ title }) => title)).toEqual(['', '']);
  expect(await readIds(path, { onBad })).toEqual([plain.id, 'another']);
  expect(told).toEqual(Array(2).fill(`${path}: expected every id once, got ${plain.id} twice`));
  await expect(collect(readDistinctVideos(path))).rejects.toThrow('expected every id once');
});
