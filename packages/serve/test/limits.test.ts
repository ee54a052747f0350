import { request as httpRequest } from 'node:http';
import { describe, expect, it } from 'vitest';
import { HeldModel, post, serve } from './served.js';

const wait = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

describe('limits', () => {
  const ask = { inputs: [{ title: 'x' }] };

  it('refuse with 429 when too many wait, and answer the others', async () => {
    const held = new HeldModel();
    await using server = await serve({
      models: { held: held.model },
      limits: { queue: 2, batchSize: 1, batchesAtOnce: 1, batchWaitMs: 0 },
    });
    const waiting = [post(server, '/v1/embed', ask)];
    while (held.batches.length === 0) await wait(5);
    waiting.push(post(server, '/v1/embed', ask), post(server, '/v1/embed', ask));
    await wait(100);
    const refused = await post(server, '/v1/embed', ask);
    expect(refused).toMatchObject({ status: 429, body: { error: { code: 'queue-full' } } });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    held.release();
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([200, 200, 200]);
  });

  it('end a request that takes too long', async () => {
    const held = new HeldModel();
    await using server = await serve({ models: { held: held.model }, limits: { timeoutMs: 100 } });
    expect(await post(server, '/v1/embed', ask)).toMatchObject({ status: 504, body: { error: { code: 'timeout' } } });
    expect(held.batches[0].signal.aborted).toBe(true);
  });

  it('stop working for a client that left', async () => {
    const held = new HeldModel();
    await using server = await serve({ models: { held: held.model } });
    const client = new AbortController();
    const asking = post(server, '/v1/embed', ask, { signal: client.signal });
    while (held.batches.length === 0) await wait(5);
    client.abort();
    await expect(asking).rejects.toThrow();
    while (!held.batches[0].signal.aborted) await wait(5);
    expect(await (await fetch(`${server.url}/metrics`)).text()).toContain('wbdc_queue_length 0');
  });

  it('let what is under way end when the server does, and take no more', async () => {
    const held = new HeldModel();
    const server = await serve({ models: { held: held.model }, limits: { batchWaitMs: 0 } });
    const asking = post(server, '/v1/embed', ask);
    while (held.batches.length === 0) await wait(5);
    const closing = server.close();
    expect((await fetch(`${server.url}/readyz`)).status).toBe(503);
    expect((await post(server, '/v1/embed', ask)).status).toBe(503);
    held.release();
    expect((await asking).status).toBe(200);
    await closing;
    await expect(fetch(`${server.url}/healthz`)).rejects.toThrow();
  });

  it('end what does not end in time', async () => {
    const held = new HeldModel();
    const server = await serve({ models: { held: held.model }, limits: { batchWaitMs: 0, drainMs: 50 } });
    const asking = post(server, '/v1/embed', ask);
    while (held.batches.length === 0) await wait(5);
    await server.close();
    expect(await asking).toMatchObject({ status: 503, body: { error: { code: 'closing' } } });
  });
});

describe('security', () => {
  it('asks for a token, but not for its health', async () => {
    await using server = await serve({ tokens: ['secret-1', 'secret-2'] });
    const asked = async (headers: Record<string, string>, path = '/v1/models') =>
      (await fetch(server.url + path, { headers })).status;
    expect(await asked({})).toBe(401);
    expect(await asked({ authorization: 'Bearer other' })).toBe(401);
    expect(await asked({ authorization: 'Bearer secret-2' })).toBe(200);
    expect(await asked({}, '/metrics')).toBe(401);
    expect(await asked({}, '/healthz')).toBe(200);
  });

  it('listens on this machine alone, by its own name, for its own page', async () => {
    await using server = await serve({});
    expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const { port } = new URL(server.url);
    const statusWith = (headers: Record<string, string>) =>
      new Promise((done, fail) => {
        const sent = httpRequest({ host: '127.0.0.1', port, path: '/v1/models', headers }, (answer) => {
          answer.resume();
          done(answer.statusCode);
        });
        sent.on('error', fail).end();
      });
    expect(await statusWith({ host: `evil.example:${port}` })).toBe(403);
    expect(await statusWith({ host: `localhost:${port}` })).toBe(200);
    expect(await statusWith({ origin: 'https://evil.example' })).toBe(403);
    expect(await statusWith({ origin: server.url })).toBe(200);
  });

  it('lets no other site read, frame or script its answers', async () => {
    await using server = await serve({});
    const { headers } = await fetch(`${server.url}/`);
    expect(headers.get('access-control-allow-origin')).toBeNull();
    expect(headers.get('content-security-policy')).toMatch(
      /default-src 'none'; script-src 'self' 'sha256-.*frame-ancestors 'none'/,
    );
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    for (const path of ['/assets/..%2f..%2fpackage.json', '/assets/nothing.js', '/assets/constructor']) {
      expect((await fetch(server.url + path)).status).toBe(404);
    }
  });

  it('tells its log what failed, and the client nothing of it', async () => {
    const lines: string[] = [];
    const broken = { saved: { kind: 'similarity' }, hash: 'x', embed: () => Promise.reject(new Error('secret path')) };
    await using server = await serve({
      models: { broken: broken as never },
      log: { write: (line) => void lines.push(line) },
    });
    const { status, body } = await post(server, '/v1/embed', { inputs: [{ title: 'x' }] });
    expect({ status, body }).toEqual({
      status: 500,
      body: { error: { code: 'failure', message: 'the server failed; its log says why' } },
    });
    const logged = lines.map((line) => JSON.parse(line) as { level: number; err?: { message: string } });
    expect(logged.some(({ level, err }) => level === 50 && err?.message === 'secret path')).toBe(true);
  });
});
