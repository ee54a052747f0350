import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runIn } from '../host.js';

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'wbdc-demo-'))));
afterAll(() => rm(folder, { recursive: true }));

it('demo says what to run first, one by one and at once', async () => {
  const { code, err } = await runIn(folder, ['demo', '--serve']);
  expect(code).toBe(1);
  expect(err).toContain(`expected it complete in ${join(folder, 'runs/demo/data')}, but there is none`);
  expect(err).toContain('or all at once: npx wbdc run finetune --config apps/runner/configs/demo.yaml');
});
