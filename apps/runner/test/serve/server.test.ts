import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { runCommandLine } from '../../src/program.js';
import { runIn, TestHost } from '../host.js';

const FIXTURES = resolve(import.meta.dirname, '../../../../packages/pipeline/test/fixtures/0.1.0');
const TOWER = ['--tower', join(FIXTURES, 'clip'), '--engine', 'cpu'];

it('serves until it is told to end, as the command line answers', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'wbdc-serve-command-'));
  try {
    const host = new TestHost(folder);
    host.env['WBDC_TOKENS'] = 'one, two';
    const models = ['category', 'similarity'].flatMap((name) => ['--model', `${name}=${join(FIXTURES, name)}`]);
    models.push('--clip', `words=${join(FIXTURES, 'clip')}`);
    const args = ['serve', ...models, '--index', 'idx', '--media', FIXTURES, '--port', '0', ...TOWER];
    const running = runCommandLine(args, host);
    const serving = async (): Promise<string> => {
      for (;;) {
        const url = /serving {2}(http:\S+)/.exec(host.err)?.[1];
        if (url !== undefined) return url;
        await new Promise((done) => setTimeout(done, 20));
      }
    };
    const url = await Promise.race([serving(), running.then((code) => `ended with ${code}: ${host.err}`)]);
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const video = join(FIXTURES, 'video.zip');
    const post = (path: string, headers: Record<string, string>, body: object) =>
      fetch(url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
      });
    const ask = (headers: Record<string, string>) =>
      post('/v1/classify', headers, { inputs: [{ id: 'video', path: video, title: '包裹' }], top: 5 });
    expect((await ask({})).status).toBe(401);
    const answer = (await (await ask({ authorization: 'Bearer two' })).json()) as { rows: object[] };
    const predicted = await runIn(folder, [
      'predict',
      video,
      '--title',
      '包裹',
      '--checkpoint',
      join(FIXTURES, 'category'),
      ...TOWER,
    ]);
    const line = JSON.parse(predicted.out) as object;
    expect(answer.rows).toEqual([{ ...line, path: undefined, input: undefined }]);
    const labelled = await post(
      '/v1/zero-shot',
      { authorization: 'Bearer one' },
      { labels: ['包裹', '猫'], inputs: [{ id: 'video', path: video }] },
    );
    const labels = ['--labels', '包裹,猫', '--clip', join(FIXTURES, 'clip'), '--engine', 'cpu'];
    const own = JSON.parse((await runIn(folder, ['zero-shot', video, ...labels])).out) as { labels: object[] };
    expect(((await labelled.json()) as { rows: object[] }).rows).toEqual([{ id: 'video', labels: own.labels }]);
    host.signals.emit('SIGTERM');
    expect(await running).toBe(0);
    await expect(fetch(`${url}/healthz`)).rejects.toThrow();
    for (const log of host.out.trim().split('\n')) expect(JSON.parse(log)).toHaveProperty('time');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

it('says what is wrong with what it is given', async () => {
  const error = async (...args: string[]): Promise<string> => (await runIn(tmpdir(), ['serve', ...args])).err;
  expect(await error()).toContain('expected --model <name=folder>, --clip <name=folder> or --index <index>, got none');
  expect(await error('--model', 'a=x', '--model', 'a=y')).toContain("expected every name once, got 'a' again");
  expect(await error('--model', 'a=nowhere-at-all', ...TOWER)).toContain('nowhere-at-all: expected a trained model');
  expect(await error('--index', FIXTURES)).toContain('expected an index of videos, got a folder with');
  expect(await error('--index', 'x', '--port', '-1')).toContain('expected a whole number from 0');
});
