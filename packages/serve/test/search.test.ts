import { appendFile, cp, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readTextTable } from '@wbdc/data';
import type { TrainedModel } from '@wbdc/pipeline';
import { openIndex, type VideoIndex } from '@wbdc/search';
import type { RunningServer } from '@wbdc/serve';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { form, openFixture, post, scratchFolder, serve, VIDEO } from './served.js';

let folder: string;
let model: TrainedModel;
let index: VideoIndex;
let server: RunningServer;
let gif: Uint8Array;

interface Found {
  readonly id: string;
  readonly score: number;
  readonly plays?: string;
  readonly ranks: Record<string, { rank: number }>;
}

const find = async (query: object): Promise<Found[]> => (await post(server, '/v1/search', query)).body['hits'];
const idsOf = (hits: readonly Found[]): string[] => hits.map(({ id }) => id);

beforeAll(async () => {
  folder = await scratchFolder();
  await mkdir(join(folder, 'media'));
  await cp(VIDEO, join(folder, 'media/parcel.zip'));
  const frame = (grey: number) =>
    sharp({ create: { width: 40, height: 30, channels: 3, background: { r: grey, g: 0, b: 0 } } })
      .png()
      .toBuffer();
  gif = await sharp([await frame(10), await frame(200)], { join: { animated: true } })
    .gif({ delay: 100 })
    .toBuffer();
  await sharp(gif, { animated: true }).toFile(join(folder, 'media/red.gif'));
  model = await openFixture('similarity');
  index = await openIndex(join(folder, 'index'), { create: true });
  server = await serve({
    models: { vectors: model },
    index,
    media: [join(folder, 'media')],
    corrections: join(folder, 'corrections.jsonl'),
  });
  const rows = [
    {
      id: 'parcel',
      path: join(folder, 'media/parcel.zip'),
      title: '包裹',
      categories: ['02', '0203'],
      tags: ['寄'],
      time: '2024-05-01',
    },
    { id: 'red', path: join(folder, 'media/red.gif'), title: '红色的动画', tags: ['动画', '寄'] },
    { id: 'words', title: '只有文字的包裹和寄' },
  ];
  expect(await post(server, '/v1/index', { rows })).toMatchObject({
    status: 200,
    body: { added: 3, updated: 0, unreadable: [] },
  });
});
afterAll(async () => {
  await server.close();
  await index.close();
  await model.close();
});

describe('search', () => {
  it('finds by words, by meaning and by both', async () => {
    expect(idsOf(await find({ words: '动画', by: 'words' }))).toEqual(['red']);
    const meaning = await find({ words: '包裹', by: 'meaning' });
    expect(meaning).toHaveLength(3);
    const [{ embedding }] = await model.embed([{ features: [], title: '包裹' }]);
    const vectors = [{ model: 'video', hash: model.hash, values: embedding }];
    expect(idsOf(meaning)).toEqual((await index.search({ vectors })).map(({ video }) => video.id));
    const both = await find({ words: '动画' });
    expect(both.find(({ id }) => id === 'red')!.ranks).toMatchObject({ words: { rank: 1 }, video: {} });
  });

  it('finds what is like a video of the index, or one that is sent', async () => {
    const like = await find({ like: 'parcel' });
    expect(idsOf(like).sort()).toEqual(['red', 'words']);
    const sent = await post(
      server,
      '/v1/search/upload',
      form({ 'x.zip': await readFile(VIDEO) }, { title: '包裹', search: '{"limit":1}' }),
    );
    const [hit] = sent.body['hits'] as Found[];
    expect(hit.id).toBe('parcel');
    expect(hit.score).toBeCloseTo(1, 4);
  });

  it('says what is wrong with what is sent', async () => {
    const cut = (await readFile(VIDEO)).subarray(0, 100);
    const { status, body } = await post(server, '/v1/search/upload', form({ 'bad.zip': cut }));
    const { message } = body['error'] as { message: string };
    expect([status, message]).toEqual([
      400,
      expect.stringMatching(/^bad\.zip: expected a video that can be read, got /),
    ]);
    expect(message.match(/expected/g)).toHaveLength(1);
    const words = { method: 'POST', body: new URLSearchParams({ words: '猫' }) }; // as a form of a page
    const plain = await fetch(`${server.url}/v1/search`, words);
    expect(plain.status).toBe(415);
    expect(await plain.json()).toMatchObject({
      error: { message: expect.stringContaining('expected application/json') as string },
    });
  });

  it('filters', async () => {
    expect(idsOf(await find({ words: '包裹', filter: { categories: ['0203'] } }))).toEqual(['parcel']);
    expect(idsOf(await find({ words: '包裹', filter: { tags: ['寄', '动画'] } }))).toEqual(['red']);
    expect(idsOf(await find({ words: '包裹', filter: { after: '2024-01-01', before: '2024-12-31' } }))).toEqual([
      'parcel',
    ]);
    expect((await post(server, '/v1/facets', {})).body).toEqual({
      categories: [
        { name: '02', count: 1 },
        { name: '0203', count: 1 },
      ],
      tags: [
        { name: '寄', count: 2 },
        { name: '动画', count: 1 },
      ],
    });
  });

  it('tells no path of the server', async () => {
    const answer = JSON.stringify([
      await find({ words: '包裹' }),
      await (await fetch(`${server.url}/v1/videos/red`)).json(),
    ]);
    expect(answer).not.toContain(folder);
  });

  it.each([
    [{}, 400, 'expected words or like'],
    [{ words: 'x', limit: 1000 }, 400, 'limit'],
    [{ words: 'x', filter: { after: 'soon' } }, 400, 'after'],
    [{ like: 'nobody' }, 404, "expected a video of the index, got 'nobody'"],
  ])('refuses %j', async (query, status, message) => {
    const { status: got, body } = await post(server, '/v1/search', query);
    expect(got).toBe(status);
    expect((body['error'] as { message: string }).message).toContain(message);
  });
});

describe('videos', () => {
  it('have pictures, and files that a browser can seek in', async () => {
    const picture = await fetch(`${server.url}/v1/videos/red/thumbnail`);
    expect(await sharp(Buffer.from(await picture.arrayBuffer())).metadata()).toMatchObject({
      format: 'jpeg',
      width: 224,
    });
    expect((await fetch(`${server.url}/v1/videos/words/thumbnail`)).status).toBe(404);
    const file = await readFile(join(folder, 'media/red.gif'));
    const whole = await fetch(`${server.url}/v1/videos/red/media`);
    expect(whole.headers.get('content-type')).toBe('image/gif');
    expect(Buffer.from(await whole.arrayBuffer()).equals(file)).toBe(true);
    const part = await fetch(`${server.url}/v1/videos/red/media`, { headers: { range: 'bytes=2-5' } });
    expect({ status: part.status, range: part.headers.get('content-range') }).toEqual({
      status: 206,
      range: `bytes 2-5/${file.length}`,
    });
    expect(Buffer.from(await part.arrayBuffer()).equals(file.subarray(2, 6))).toBe(true);
    const last = await fetch(`${server.url}/v1/videos/red/media`, { headers: { range: 'bytes=-3' } });
    expect(Buffer.from(await last.arrayBuffer()).equals(file.subarray(-3))).toBe(true);
    expect((await fetch(`${server.url}/v1/videos/parcel/media`)).status).toBe(404); // no browser plays it
  });

  it('are not read once their files are outside of the media folders', async () => {
    await index.add([{ id: 'outside', path: '/etc/passwd.mp4', title: '外' }]);
    expect((await fetch(`${server.url}/v1/videos/outside/media`)).status).toBe(403);
    const [outside] = await find({ words: '外', by: 'words' });
    expect(outside.id).toBe('outside');
    expect(outside).not.toHaveProperty('plays');
    expect((await find({ words: '动画', by: 'words' }))[0].plays).toBe('image');
    await fetch(`${server.url}/v1/videos/outside`, { method: 'DELETE' });
  });

  it('are added by being sent, renewed and taken away', async () => {
    const sent = { id: 'sent', title: '发送的', tags: '["新"]' };
    const added = await post(server, '/v1/index/upload', form({ 'x.gif': gif }, sent));
    expect(added).toMatchObject({ status: 200, body: { added: 1, updated: 0 } });
    expect(await (await fetch(`${server.url}/v1/videos/sent`)).json()).toMatchObject({
      title: '发送的',
      tags: ['新'],
    });
    expect((await fetch(`${server.url}/v1/videos/sent/thumbnail`)).status).toBe(200);
    const bad = await post(server, '/v1/index/upload', form({ 'x.zip': Buffer.from('PK no') }));
    expect(bad).toMatchObject({
      status: 200,
      body: { added: 0, unreadable: [{ id: 'x.zip', error: { code: 'unreadable' } }] },
    });
    expect((await fetch(`${server.url}/v1/videos/sent`, { method: 'DELETE' })).status).toBe(204);
    expect((await fetch(`${server.url}/v1/videos/sent`, { method: 'DELETE' })).status).toBe(404);
  });

  it('keep corrections of their labels in a table for the next finetuning', async () => {
    const labels = { categories: ['动物', '猫'], tags: ['可爱', 'a,b'] };
    expect((await post(server, '/v1/videos/red/labels', labels)).status).toBe(204);
    expect(await (await fetch(`${server.url}/v1/videos/red`)).json()).toMatchObject(labels);
    const { records } = await readTextTable(join(folder, 'corrections.jsonl'), {
      onBad: (error) => expect(error).toBeUndefined(),
    });
    expect(records).toMatchObject([
      {
        id: 'red',
        video: join(folder, 'media/red.gif'),
        title: '红色的动画',
        category: ['动物', '猫'],
        tags: labels.tags,
      },
    ]);
    expect((await post(server, '/v1/videos/red/labels', {})).status).toBe(400);
    // What something else has cut spoils none but itself.
    await appendFile(join(folder, 'corrections.jsonl'), '{"id":"blue","ti');
    expect((await post(server, '/v1/videos/red/labels', { tags: ['新'] })).status).toBe(204);
    const bad: string[] = [];
    const again = await readTextTable(join(folder, 'corrections.jsonl'), { onBad: ({ message }) => bad.push(message) });
    expect(again.records.map(({ tags }) => tags)).toEqual([labels.tags, ['新']]);
    expect(bad).toEqual([expect.stringContaining('line 2: expected valid JSON')]);
  });

  it('say why they were found', async () => {
    const { status, body } = await post(server, '/v1/explain', { id: 'red', words: '包裹' });
    expect(status).toBe(200);
    const { frames, words } = body as unknown as { frames: number[]; words: { text: string; weight: number }[] };
    expect(frames).toHaveLength(2);
    expect(words.map(({ text }) => text).join('')).toBe('红色的动画');
    const embed = async (title: string) => (await model.embed([{ features: [], title }]))[0].embedding;
    const [target, whole, without] = await Promise.all([
      embed('包裹'),
      embed('红色的动画'),
      embed(`${'红色的动画'.slice(words[0].text.length)}`),
    ]);
    const cosine = (a: Float32Array) => a.reduce((sum, value, i) => sum + value * target[i], 0);
    expect(words[0].weight).toBeCloseTo(cosine(whole) - cosine(without), 5);
    const { attention, asked } = body as unknown as {
      attention: { tokens: { text: string; share: number }[]; frames: number[] };
      asked: { text: string }[];
    };
    expect(asked.map(({ text }) => text).join('')).toBe('包裹');
    const [looked] = await model.attend([{ video: join(folder, 'media/red.gif'), title: '红色的动画' }]);
    expect(attention).toEqual({ tokens: looked.tokens, frames: looked.frames });
    expect(attention.frames).toHaveLength(2);
    const shares = [...attention.tokens.map(({ share }) => share), ...attention.frames];
    expect(Math.min(...shares)).toBeGreaterThan(0);
    expect(shares.reduce((sum, share) => sum + share, 0)).toBeLessThan(1); // special tokens have the rest
    expect((await post(server, '/v1/explain', { id: 'words', like: 'red' })).body).not.toHaveProperty('frames');
  });
});

it.each([
  ['corrections.csv', 'corrections.csv: expected a file for corrections, *.jsonl, got another ending'],
  ['nowhere/corrections.jsonl', 'expected a folder to write corrections to, got none: make it first'],
])('refuses to start with corrections that could not be kept: %s', async (name, message) => {
  await expect(serve({ corrections: join(folder, name) })).rejects.toThrow(message);
});
