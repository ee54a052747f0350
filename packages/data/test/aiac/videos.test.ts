import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { floats } from '@wbdc/nn';
import { QQ_LAYOUT, Tokenizer } from '@wbdc/tokenizer';
import { describe, expect, it } from 'vitest';
import {
  aiacStride,
  findAiacWidth,
  openAiacFiles,
  openAiacIndex,
  openDataset,
  readAiacVideos,
  readBatch,
  writeAiacVideos,
  type AiacVideo,
} from '../../src/index.js';
import { encodeExample, type Feature } from '../../src/aiac/example.js';
import { writeTfRecords } from '../../src/aiac/tfrecord.js';
import { collect, fixture, testFolder } from '../folder.js';

const folder = testFolder();
const path = join(folder, 'a.tfrecords');
const width = 5;
const python = fixture('pointwise.tfrecords');
const id = (i: number): string => `${10n ** 18n + BigInt(i)}`;
const frame = (video: number, i: number): number[] => Array.from({ length: width }, (_, k) => k / 4 + 10 * video + i);

describe('AIAC videos', () => {
  it.each(['pointwise.tfrecords', 'pointwise.tfrecords.gz'])('reads %s as Python wrote it', async (name) => {
    const videos = await collect(readAiacVideos(fixture(name), { width }));
    expect(videos[0]).toEqual({
      id: id(0),
      title: '标题0😀',
      asr: '',
      ocr: [],
      categoryId: '0905',
      tags: ['1056', '33', `${2 ** 40}`],
      frames: floats([3, width], Float32Array.from([0, 1, 2].flatMap((i) => frame(0, i)))),
    });
    expect(videos[1]).toMatchObject({ asr: '语音', tags: ['7'], categoryId: '2200' });
    expect([videos[2].tags, videos[2].frames.shape]).toEqual([undefined, [40, width]]);
  });

  it.each([false, true])('gives videos back (GZIP: %s)', async (gzip) => {
    const videos = await collect(readAiacVideos(python, { width }));
    expect(await writeAiacVideos(path, videos, { gzip })).toBe(3);
    expect(await collect(readAiacVideos(path, { width }))).toEqual(videos);
  });

  it('groups videos of the same frames, and keeps groups that a record names', async () => {
    const text = { title: '', asr: '', ocr: [] };
    const frames = (value: number, count = 2) => floats([count, width], new Float32Array(count * width).fill(value));
    const records = [
      { ...text, id: 'v00', frames: frames(1) },
      { ...text, id: 'v01', frames: frames(2) },
      { ...text, id: 'v02', frames: frames(1) },
      { ...text, id: 'v03', frames: frames(1), group: 'author' },
      { ...text, id: 'v04', frames: frames(0, 0) },
      { ...text, id: 'v05', frames: frames(0, 0) },
      { ...text, id: 'v06', frames: frames(1, 3) },
    ];
    await writeAiacVideos(path, records);
    const files = await openAiacFiles([path], { width });
    const read = await collect(files.videos());
    await files.close();
    expect(read.map(({ group }) => group)).toEqual([
      undefined,
      undefined,
      'v00',
      'author',
      ...Array(3).fill(undefined),
    ]);
  });

  it('refuses frame features that are no numbers', async () => {
    const [first] = await collect(readAiacVideos(python, { width }));
    const frames = floats([2, width], new Float32Array(2 * width).fill(NaN, 7, 8));
    await writeAiacVideos(path, [{ ...first, frames }]);
    const reading = collect(readAiacVideos(path, { width }));
    await expect(reading).rejects.toThrow('record 0: frame_feature: expected finite features, got NaN in frame 1');
  });

  it('refuses a category below 0', async () => {
    const features = new Map<string, Feature>([
      ['id', { kind: 'bytes', values: [Buffer.from('123')] }],
      ['category_id', { kind: 'int64', values: [-1n] }],
    ]);
    await writeTfRecords(path, [encodeExample(features)]);
    const reading = collect(readAiacVideos(path, { width }));
    await expect(reading).rejects.toThrow('feature category_id: expected a number from 0, got -1');
  });

  it('has access by id over several files', async () => {
    const [first] = await collect(readAiacVideos(python, { width }));
    await writeAiacVideos(path, [{ ...first, id: '999' }, first]);
    const messages: string[] = [];
    const files = await openAiacFiles([python, path], { width, onBad: (error) => messages.push(error.message) });
    for (let pass = 0; pass < 2; pass++) {
      const ids = (await collect(files.videos())).map((video) => video.id);
      expect(ids).toEqual([id(0), id(1), id(2), '999']);
    }
    expect(messages[0]).toMatch(/a\.tfrecords: record 1: expected every id once/);
    expect(files.size).toBe(4);
    expect((await files.read(id(2))).data.slice(195)).toEqual(Float32Array.from(frame(2, 39)));
    expect((await files.read('999')).shape).toEqual([3, width]);
    expect(files.has('998')).toBe(false);
    await expect(files.read('998')).rejects.toThrow(/expected video 998, got none/);
    await files.close();
  });

  it('keeps where every record lies, for access without another pass', async () => {
    writeFileSync(path, readFileSync(python));
    expect(await findAiacWidth([path])).toBe(width);
    const index = join(folder, 'pointwise.index');
    const files = await openAiacFiles([path], { width });
    const videos = await collect(files.videos());
    expect(videos.map(({ frameCount }) => frameCount)).toEqual([3, 1, 40]);
    await files.saveIndex(index);
    await files.close();
    const source = await openAiacIndex(index);
    expect([source.size, source.width, source.has(id(1)), source.has('123')]).toEqual([3, width, true, false]);
    expect((await source.read(id(1))).data).toEqual(Float32Array.from(frame(1, 0)));
    await source.close();
    const lines = readFileSync(index, 'utf8');
    for (const [damaged, message] of [
      [lines.slice(0, -9), /pointwise\.index: line 4: expected id, file, offset and length/],
      ['[]\n', /expected an index of records, got "\[\]"/],
      ['', /got an empty file/],
    ] as const) {
      writeFileSync(index, damaged);
      await expect(openAiacIndex(index)).rejects.toThrow(message);
    }
    writeFileSync(index, lines);
    writeFileSync(path, readFileSync(python).subarray(1));
    await expect(openAiacIndex(index)).rejects.toThrow(/a\.tfrecords: expected \d+ bytes as when it was indexed, got/);
  });

  it('counts a record with frames of another width as bad', async () => {
    const [first] = await collect(readAiacVideos(python, { width }));
    await writeAiacVideos(path, [first, { ...first, id: '999', frames: floats([2, 4]) }]);
    const messages: string[] = [];
    const files = await openAiacFiles([path], { width, onBad: (error) => messages.push(error.message) });
    expect((await collect(files.videos())).map((video) => video.id)).toEqual([first.id]);
    expect(messages).toEqual([expect.stringMatching(/record 1: frame 0: expected 5 float16 \(10 bytes\), got 8/)]);
    await files.close();
  });

  it('makes a data set in one pass', async () => {
    const files = await openAiacFiles([python], { width });
    const tokenizer = Tokenizer.fromVocab(['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', '标', '题']);
    const dataset = await openDataset({
      videos: files.videos(),
      features: files,
      tokenizer,
      layout: QQ_LAYOUT,
      tags: ['7', '33'],
      stride: aiacStride,
    });
    expect([dataset.size, dataset.text(0).tags, dataset.text(2).tags]).toEqual([3, [1], undefined]);
    const { frames, frameMask } = await readBatch(dataset, [2]);
    expect([frames.shape, frameMask.shape]).toEqual([
      [1, 32, width],
      [1, 32],
    ]);
    expect(frames.data.slice(5, 10)).toEqual(Float32Array.from(frame(2, 2))); // round(1.5 * 39 / 32) = 2
    await files.close();
  });

  it('refuses GZIP for access by id, and tags that are no numbers', async () => {
    await expect(openAiacFiles([fixture('pointwise.tfrecords.gz')])).rejects.toThrow(/got GZIP: run gunzip/);
    const video: AiacVideo = { id: '123', title: '', asr: '', ocr: [], tags: ['美食'], frames: floats([0, width]) };
    await expect(writeAiacVideos(path, [video])).rejects.toThrow(/123: expected tags and category as decimal integers/);
  });

  it('notices damage that comes after opening', async () => {
    writeFileSync(path, readFileSync(python));
    const files = await openAiacFiles([path], { width });
    await collect(files.videos());
    const bytes = readFileSync(path);
    bytes[60] ^= 1;
    writeFileSync(path, bytes);
    await expect(files.read(id(0))).rejects.toThrow(/a\.tfrecords: video 10+: expected a payload with CRC/);
    await files.close();
  });

  it.each<[Record<string, Feature>, RegExp]>([
    [{}, /record 0: feature id: expected 3 to 64 letters.*got none/],
    [{ id: { kind: 'int64', values: [1n] } }, /feature id: expected a list of bytes, got int64/],
    [{ title: { kind: 'bytes', values: [Uint8Array.of(0xff)] } }, /feature title: expected text in UTF-8/],
    [{ tag_id: { kind: 'float', values: Float32Array.of(1) } }, /feature tag_id: expected a list of int64, got float/],
    [
      { frame_feature: { kind: 'bytes', values: [new Uint8Array(8)] } },
      /frame 0: expected 5 float16 \(10 bytes\), got 8 bytes/,
    ],
  ])('names the feature of a bad record (%#)', async (features, message) => {
    const named: Record<string, Feature> = { id: { kind: 'bytes', values: [Buffer.from('123')] }, ...features };
    if (Object.keys(features).length === 0) delete named.id;
    await writeTfRecords(path, [encodeExample(new Map(Object.entries(named)))]);
    await expect(collect(readAiacVideos(path, { width }))).rejects.toThrow(message);
  });
});
