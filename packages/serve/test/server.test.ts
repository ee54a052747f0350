import { readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TrainedModel } from '@wbdc/pipeline';
import type { RunningServer } from '@wbdc/serve';
import { fixture, form, openFixture, post, scratchFolder, serve, VIDEO } from './served.js';

const TEXTS = { title: '包裹', ocr: '包裹寄包裹' };
const lineOf = async (name: 'embed' | 'predict') =>
  JSON.parse(await readFile(fixture(`${name}.jsonl`), 'utf8')) as object;

/** A line of the command line without what names its video. */
const answerOf = ({ path: _path, id: _id, ...answer }: { path?: string; id?: string }) => answer;

describe('models', () => {
  let server: RunningServer;
  let models: Record<string, TrainedModel>;
  let video: Uint8Array;
  let uploads: string;
  beforeAll(async () => {
    uploads = await scratchFolder();
    video = await readFile(VIDEO);
    models = {
      categories: await openFixture('category'),
      vectors: await openFixture('similarity'),
      tags: await openFixture('pretrained'),
    };
    server = await serve({ models, media: [fixture('')], limits: { fileBytes: 100_000, batchWaitMs: 30 } });
  });
  afterAll(async () => {
    await server.close();
    for (const model of Object.values(models)) await model.close();
  });

  it('are listed with what they can', async () => {
    const body: unknown = await (await fetch(`${server.url}/v1/models`)).json();
    expect(body).toMatchObject({
      models: [
        { name: 'categories', task: 'classify' },
        { name: 'vectors', task: 'embed', hash: models['vectors'].hash },
        { name: 'tags', task: 'tag' },
      ],
    });
  });

  it('give the rows of the command line for a video that is sent', async () => {
    const predicted = { ...answerOf(await lineOf('predict')), model: models['categories'].hash };
    const { body } = await post(server, '/v1/classify/upload', form({ 'a.zip': video }, { ...TEXTS, top: '5' }));
    expect(body).toEqual({ model: 'categories', rows: [{ ...predicted, id: 'a.zip' }] });
    const embedded = answerOf(await lineOf('embed'));
    const embedding = await post(server, '/v1/embed/upload', form({ 'a.zip': video }, { ...TEXTS, id: 'mine' }));
    expect(embedding.body).toEqual({ model: 'vectors', rows: [{ ...embedded, id: 'mine' }] });
  });

  it('and for files that they may read, also together with features and texts alone', async () => {
    const { embedding } = (await lineOf('embed')) as { embedding: number[] };
    const inputs = [
      { path: VIDEO, ...TEXTS },
      { id: 'words', title: '包裹' },
    ];
    const { body } = await post(server, '/v1/embed', { inputs });
    const { rows } = body as unknown as { rows: { id: string; embedding: number[] }[] };
    expect(rows.map(({ id }) => id)).toEqual([VIDEO, 'words']);
    expect(rows[0].embedding).toEqual(embedding);
    expect(rows[1].embedding).toHaveLength(embedding.length);
    const tags = await post(server, '/v1/tag', { inputs: [{ path: VIDEO, ...TEXTS }], top: 2 });
    const [direct] = await models['tags'].tag([{ video: VIDEO, ...TEXTS }], { top: 2 });
    expect(tags.body).toMatchObject({ rows: [{ tags: direct.tags.map(({ tag }) => ({ tag })) }] });
  });

  it('answer many requests together, each as alone', async () => {
    const before = await batches(server);
    const titles = Array.from({ length: 24 }, (_, i) => (i % 2 ? '包裹' : '寄'));
    const asked = titles.map((title) => post(server, '/v1/embed', { inputs: [{ title }] }));
    const rows = (await Promise.all(asked)).map(({ body }) => (body['rows'] as { embedding: number[] }[])[0].embedding);
    const alone = await Promise.all(
      ['寄', '包裹'].map(async (title) => (await models['vectors'].embed([{ features: [], title }]))[0]),
    );
    rows.forEach((row, i) => row.forEach((value, k) => expect(value).toBeCloseTo(alone[i % 2].embedding[k], 5)));
    const after = await batches(server);
    expect(after.videos - before.videos).toBe(24);
    expect(after.count - before.count).toBeLessThanOrEqual(12);
  });

  it('tell which video cannot be read, without where it lay', async () => {
    const sent = form(
      { 'good.zip': video, 'bad.zip': Buffer.from('PK no') },
      { inputs: '[{"title":"包裹"},{"id":"b"}]' },
    );
    const { status, body } = await post(server, '/v1/embed/upload', sent);
    expect(status).toBe(200);
    const [good, bad] = body['rows'] as { id: string; error?: { message: string }; embedding?: number[] }[];
    expect(good).toMatchObject({ id: 'good.zip', embedding: expect.any(Array) as unknown });
    expect(bad).toMatchObject({
      id: 'b',
      error: { code: 'unreadable', message: expect.stringContaining('bad.zip') as string },
    });
    expect(bad.error!.message).not.toContain(tmpdir());
  });

  it('leave nothing of an upload on the disk', async () => {
    const before = process.env['TMPDIR'];
    process.env['TMPDIR'] = uploads; // other tests have uploads of their own
    try {
      await post(server, '/v1/embed/upload', form({ 'a.zip': video }));
      await post(server, '/v1/embed/upload', form({ 'a.zip': new Uint8Array(100_001) }));
      expect(await readdir(tmpdir())).toEqual([]);
    } finally {
      if (before === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = before;
    }
  });

  it.each([
    ['/v1/embed', { inputs: [] }, 400, 'inputs'],
    ['/v1/embed', { inputs: [{ titel: 'x' }] }, 400, 'titel'],
    ['/v1/embed', { inputs: [{ title: 'x' }], model: 'nobody' }, 400, "a model that can embed (vectors), got 'nobody'"],
    ['/v1/embed', { inputs: [{ title: 'x' }], model: 'tags' }, 400, "got 'tags'"],
    ['/v1/embed', { inputs: [{ path: VIDEO, features: [[1]] }] }, 400, 'expected path or features, got both'],
    ['/v1/embed', { inputs: [{ path: '/etc/passwd' }] }, 403, 'expected a file in the media folders'],
    ['/v1/embed', { inputs: [{ path: 'http://127.0.0.1:1/a.mp4' }] }, 403, 'expected a file in the media folders'],
    ['/v1/search', { words: 'x' }, 404, 'expected a server with an index'],
    ['/v1/nothing', {}, 404, 'POST /v1/nothing'],
  ])('refuse %s %j', async (path, request, status, message) => {
    const { status: got, body } = await post(server, path, request);
    expect({ got, body }).toMatchObject({
      got: status,
      body: { error: { message: expect.stringContaining(message) as string } },
    });
  });

  it('refuse what is no request, and what is too large', async () => {
    const answer = await fetch(`${server.url}/v1/embed`, {
      method: 'POST',
      body: '{"inputs": [',
      headers: { 'content-type': 'application/json' },
    });
    expect(answer.status).toBe(400);
    expect((await post(server, '/v1/embed', { inputs: [{ title: 'x'.repeat(9_000_000) }] })).status).toBe(413);
    const large = await post(server, '/v1/embed/upload', form({ 'a.zip': new Uint8Array(100_001) }));
    expect(large).toMatchObject({ status: 413, body: { error: { code: 'too-large' } } });
    const none = await post(server, '/v1/embed/upload', form({}, { title: 'x' }));
    expect(none).toMatchObject({
      status: 400,
      body: { error: { message: expect.stringContaining('got 0 files') as string } },
    });
    const odd = await post(server, '/v1/embed/upload', form({ 'a.zip': video }, { inputs: '[' }));
    expect(odd).toMatchObject({ status: 400, body: { error: { message: 'inputs: expected JSON, got [' } } });
    expect((await post(server, '/v1/embed/upload', { title: 'x' })).body).toMatchObject({
      error: { message: 'content-type: expected multipart/form-data, got application/json' },
    });
    expect(await post(server, '/v1/embed', form({ 'a.zip': video }))).toMatchObject({
      status: 400,
      body: {
        error: { message: expect.stringContaining('got multipart/form-data, which addresses') as string },
      },
    });
  });

  it('have a health, metrics and a description', async () => {
    expect(await (await fetch(`${server.url}/healthz`)).json()).toEqual({ status: 'ok' });
    expect(await (await fetch(`${server.url}/readyz`)).json()).toEqual({ status: 'ready' });
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    expect(metrics).toContain('wbdc_queue_length 0');
    expect(metrics).toMatch(/wbdc_videos_total\{model="vectors",result="unreadable"\} [1-9]/);
    expect(metrics).toMatch(/wbdc_request_seconds_count\{method="POST",route="\/v1\/embed",status="200"\} [1-9]/);
    const openapi = (await (await fetch(`${server.url}/openapi.json`)).json()) as { paths: object };
    expect(Object.keys(openapi.paths)).toEqual(
      expect.arrayContaining(['/v1/classify', '/v1/embed/upload', '/v1/search', '/v1/videos/{id}']),
    );
    expect(JSON.stringify(openapi)).toContain('a file in the media folders of the server');
  });
});

/** What the metrics say of the batches of the model of vectors. */
async function batches(server: RunningServer): Promise<{ count: number; videos: number }> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  const value = (name: string): number =>
    Number(new RegExp(`wbdc_batch_size_${name}\\{model="vectors"\\} (\\d+)`).exec(text)?.[1] ?? 0);
  return { count: value('count'), videos: value('sum') };
}
