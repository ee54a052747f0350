import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import type { TrainedModel } from '@wbdc/pipeline';
import { labelledRow, openClip, zeroShot, type OpenClip } from '@wbdc/pipeline/node';
import { openIndex, type VideoIndex } from '@wbdc/search';
import { openModels, type RunningServer } from '@wbdc/serve';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fixture, form, openFixture, post, scratchFolder, serve, VIDEO } from './served.js';

const LABELS = ['包裹', '雨中的猫', '美食'];
const PROMPTS = ['一段关于{}的视频', '{}'];

let clip: OpenClip;
let similarity: TrainedModel;
let index: VideoIndex;
let server: RunningServer;
beforeAll(async () => {
  await tf.setBackend('cpu');
  const folder = await scratchFolder();
  clip = await openClip(fixture('clip'));
  similarity = await openFixture('similarity');
  index = await openIndex(join(folder, 'index'), { create: true });
  // The CLIP stands second: the index says whose vectors it has.
  await index.addModel({ name: 'video', hash: clip.hash, width: clip.width });
  server = await serve({ models: { similarity, clip }, index, media: [fixture('')] });
});
afterAll(async () => {
  await server.close();
  await index.close();
  await clip.close();
  await similarity.close();
});

describe('a CLIP', () => {
  it('labels with words of a request as the command line does', async () => {
    const labels = { labels: LABELS, prompts: PROMPTS };
    const [row] = await zeroShot(clip, [{ video: VIDEO }], labels);
    const expected = labelledRow(row, 2);
    const asked = { ...labels, top: 2, inputs: [{ id: 'a', path: VIDEO }] };
    const rows = [{ id: 'a', ...expected }];
    expect(await post(server, '/v1/zero-shot', asked)).toMatchObject({ status: 200, body: { model: 'clip', rows } });
    const fields = { labels: JSON.stringify(LABELS), prompts: JSON.stringify(PROMPTS), top: '2' };
    const files = form({ 'x.zip': await readFile(VIDEO), 'bad.zip': Buffer.from('PK no') }, fields);
    const { body } = await post(server, '/v1/zero-shot/upload', files);
    expect(body['rows']).toEqual([
      { id: 'x.zip', ...expected },
      { id: 'bad.zip', error: { code: 'unreadable', message: expect.stringContaining('bad.zip') as string } },
    ]);
  });

  it.each([
    [{ labels: [] }, 400, 'labels'],
    [{ labels: ['猫', '猫'] }, 400, "'猫' twice"],
    [{ labels: ['猫'], prompts: ['一只猫'] }, 400, 'a sentence with {}'],
    [{ labels: ['猫'], model: 'similarity' }, 400, "expected a CLIP (clip), got 'similarity'"],
  ])('refuses %j', async (asked, status, message) => {
    const answer = await post(server, '/v1/zero-shot', { ...asked, inputs: [{ path: VIDEO }] });
    expect(answer.status).toBe(status);
    expect((answer.body['error'] as { message: string }).message).toContain(message);
  });

  it('adds to an index of its own vectors, and finds in it by words and by a video', async () => {
    const rows = [{ id: 'parcel', path: VIDEO, title: '包裹' }];
    expect((await post(server, '/v1/index', { rows })).body).toEqual({ added: 1, updated: 0, unreadable: [] });
    const [{ embedding }] = await clip.embed([{ video: VIDEO }]);
    const kept = await index.vector('parcel', 'video');
    expect(Array.from(kept!.values)).toEqual(Array.from(embedding, (value) => expect.closeTo(value, 5) as number));
    const values = await clip.embedWords('雨中的猫');
    const [direct] = await index.search({ vectors: [{ model: 'video', hash: clip.hash, values }] });
    const found = await post(server, '/v1/search', { words: '雨中的猫', by: 'meaning' });
    expect(found.body['hits']).toMatchObject([{ id: 'parcel', score: expect.closeTo(direct.score, 5) as number }]);
    const sent = await post(server, '/v1/search/upload', form({ 'x.zip': await readFile(VIDEO) }));
    expect(sent.body['hits']).toMatchObject([{ id: 'parcel', score: expect.closeTo(1, 4) as number }]);
  });

  it('says which words and frames a video was found by', async () => {
    const { body } = await post(server, '/v1/explain', { id: 'parcel', words: '雨中的猫' });
    const { frames, words, asked } = body as unknown as Record<string, { text: string; weight: number }[]>;
    expect(words).toEqual([]); // it has seen no title
    expect(frames.length).toBeGreaterThan(0);
    expect(asked.map(({ text }) => text).join('')).toBe('雨中的猫');
    const video = (await index.vector('parcel', 'video'))!.values;
    const cosine = async (text: string) =>
      (await clip.embedWords(text)).reduce((sum, value, i) => sum + value * video[i], 0);
    const without = '雨中的猫'.slice(asked[0].text.length);
    expect(asked[0].weight).toBeCloseTo((await cosine('雨中的猫')) - (await cosine(without)), 5);
  });

  it('is listed with what it can', async () => {
    const listed: unknown = await (await fetch(`${server.url}/v1/models`)).json();
    const own = { name: 'clip', task: 'embed', hash: clip.hash, zeroShot: true };
    expect(listed).toEqual({ models: [{ ...own, name: 'similarity', hash: similarity.hash, zeroShot: false }, own] });
  });
});

it('files of a tokenizer that contradict each other are told when a server opens its models', async () => {
  const folder = await scratchFolder();
  const config = { tokenizer_class: 'BertTokenizer', do_lower_case: false };
  for (const name of ['clip', 'category']) {
    await cp(fixture(name), join(folder, name), { recursive: true });
    await writeFile(join(folder, name, 'tokenizer_config.json'), JSON.stringify(config));
  }
  const told: string[] = [];
  const observer = { onWarning: (line: string) => void told.push(line) };
  await using opened = await openModels({ models: ['category'], clips: ['clip'], from: folder, observer });
  expect(Object.keys(opened.models)).toEqual(['category', 'clip']);
  expect(told).toEqual(['category', 'clip'].map((name) => expect.stringMatching(`${name}: tokenizer.json says`)));
});
