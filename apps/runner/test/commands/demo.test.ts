import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CATEGORY, makeWorld, PRETRAINED, TOWER } from '../../../web/test/world.js';
import { runCommandLine } from '../../src/program.js';
import type { StageName } from '../../src/run/names.js';
import { RunFolder } from '../../src/run/run-folder.js';
import { runIn, TestHost } from '../host.js';

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'wbdc-demo-'))));
afterAll(() => rm(folder, { recursive: true }));

it('demo says what to run first, one by one and at once', async () => {
  const { code, err } = await runIn(folder, ['demo', '--serve']);
  expect(code).toBe(1);
  expect(err).toContain(`expected it complete in ${join(folder, 'runs/demo/data')}, but there is none`);
  expect(err).toContain('or all at once: npx wbdc run finetune --config apps/runner/configs/demo.yaml');
});

describe('of a run', () => {
  /** A run as its stages leave it, of small models. */
  beforeAll(async () => {
    const world = await makeWorld();
    const run = new RunFolder(join(folder, 'runs/demo'), 'demo');
    const stages: readonly [name: StageName, from: string, to: string][] = [
      ['data', world.data, '.'],
      ['clip', TOWER, 'checkpoints/step-00000001'],
      ['features', world.features, '.'],
      ['pretrain', PRETRAINED, 'checkpoints/step-00000001'],
      ['finetune', CATEGORY, 'model'],
    ];
    for (const [stage, from, to] of stages) {
      const opened = await run.open({ stage, settings: {}, needs: [] }, {});
      await cp(from, join(opened.folder, to), { recursive: true });
      await run.close(opened, { status: 'complete', seconds: 1, summary: {}, environment: {} });
    }
  });

  /** Starts the command, and gives what the page is at once it is there. */
  async function serve(...options: string[]): Promise<{ host: TestHost; url: string; code: Promise<number> }> {
    const host = new TestHost(folder);
    const code = runCommandLine(['demo', '--serve', '--port', '0', '--engine', 'cpu', ...options], host);
    const text = (): string => host.out + host.err;
    const ended = code.then((code) => expect.unreachable(`ended with ${code}: ${text()}`));
    const shown = expect.poll(text, { timeout: 280_000, interval: 20 }).toMatch(/serving\s+http/);
    await Promise.race([shown, ended]);
    return { host, code, url: /serving\s+(http\S+)/.exec(text())![1] };
  }

  it('makes its page, serves it until Ctrl-C, and ends well', async () => {
    const { host, url, code } = await serve();
    const page = await fetch(url);
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(await page.text()).toContain('src="page.js"');
    const site = (await (await fetch(`${url}site.json`)).json()) as { videos: { picture: string }[]; models: object };
    expect(site.models).toEqual({ tags: 'models/tags/', categories: 'models/categories/' });
    expect(site.videos).toHaveLength(12);
    for (const path of ['page.js', 'page.css', 'models/tags/config.json', site.videos[3].picture]) {
      const sent = Buffer.from(await (await fetch(url + path)).arrayBuffer());
      expect(sent.equals(await readFile(join(folder, 'runs/demo/web', path)))).toBe(true);
    }
    host.signals.emit('SIGINT');
    expect(await code).toBe(0);
    await expect(fetch(url)).rejects.toThrow();
  });
});
