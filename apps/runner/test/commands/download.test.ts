import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { COMMIT, FILES, startHub, type FakeHub } from '../../../../packages/checkpoints/test/hub/server.js';
import { runIn } from '../host.js';

let hub: FakeHub;
let cache: string;
beforeEach(async () => {
  hub = await startHub(FILES);
  cache = await mkdtemp(join(tmpdir(), 'wbdc-download-'));
});
afterEach(async () => {
  await hub.close();
  await rm(cache, { recursive: true });
});

const run = (...args: string[]) => runIn('.', ['download', ...args], { HF_ENDPOINT: hub.url, HF_HUB_CACHE: cache });

describe('wbdc download', () => {
  it('fetches a model into the cache, and says where it is', async () => {
    const { code, out } = await run('owner/name', '--json');
    expect(code).toBe(0);
    const result = JSON.parse(out) as { folder: string };
    const files = ['config.json', 'vocab.txt', 'pytorch_model.bin'];
    expect(result).toMatchObject({ model: 'owner/name', commit: COMMIT, files, source: 'hub' });
    expect(await readFile(join(result.folder, 'vocab.txt'), 'utf8')).toBe('[PAD]\n视\n');
  });

  it('fetches nothing twice', async () => {
    await run('owner/name');
    const before = hub.log.length;
    const { code, out } = await run('owner/name', '--revision', COMMIT);
    expect([code, hub.log.length]).toEqual([0, before]);
    expect(out).toContain(`read     the cache alone: owner/name, commit ${COMMIT}`);
  });

  it('fails with the reason in one message', async () => {
    const { code, err } = await run('owner/other');
    expect(code).toBe(1);
    expect(err).toMatch(/error: .*owner\/other/);
    expect(err).not.toContain(' at ');
  });
});
