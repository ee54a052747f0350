import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FILES, startHub, type FakeHub } from '../../../packages/checkpoints/test/hub/server.js';
import { Output } from '../src/core/output.js';
import { modelFolder } from '../src/core/published-model.js';

let hub: FakeHub;
let folder: string;
let said: string;
beforeEach(async () => {
  hub = await startHub(FILES);
  folder = await mkdtemp(join(tmpdir(), 'wbdc-published-model-'));
  said = '';
});
afterEach(async () => {
  await hub.close();
  await rm(folder, { recursive: true });
});

function find(name: string, env: Record<string, string> = {}): Promise<string> {
  const stream = { write: (text: string): void => void (said += text) };
  const settings = { HF_ENDPOINT: hub.url, HF_HUB_CACHE: join(folder, 'cache'), ...env };
  return modelFolder('model.init', name, {
    output: new Output({ stdout: stream, stderr: stream, env: settings, folder, now: () => 0 }, {}),
  });
}

describe('a published model', () => {
  it('is the folder of that name where there is one', async () => {
    await mkdir(join(folder, 'owner/name'), { recursive: true });
    expect(await find('owner/name')).toBe(join(folder, 'owner/name'));
    expect(await find(folder)).toBe(folder);
    expect(hub.log).toEqual([]);
  });

  it('comes from the hub by its name, and from the cache without a connection', async () => {
    const fetched = await find('owner/name');
    expect(await readFile(join(fetched, 'vocab.txt'), 'utf8')).toBe('[PAD]\n视\n');
    expect(said).toContain('model.init: there is no folder owner/name, so it is taken as a model of the hub');
    expect(await find('owner/name', { HF_HUB_OFFLINE: '1' })).toBe(fetched);
  });

  it('that is nowhere is an error of the setting', async () => {
    await expect(find('models/bert/base')).rejects.toThrow(
      /model\.init: expected a folder, or a model of the hub such as .*, got models\/bert\/base/,
    );
    await expect(find('owner/other')).rejects.toThrow(/model\.init: .*owner\/other/);
    await expect(find('owner/name', { HF_HUB_OFFLINE: '1' })).rejects.toThrow(/model\.init: .*offline/);
  });
});
