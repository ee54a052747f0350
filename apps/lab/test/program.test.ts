import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WBDC_PROGRAM } from '@wbdc/runner/jobs';
import type { ChildOptions } from '../src/jobs/child.js';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { runCommandLine } from '../src/program.js';
import { TestHost } from './host.js';

let folder: string;
let host: TestHost;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wbdc-lab-'));
  host = new TestHost(folder);
});
afterEach(() => rm(folder, { recursive: true }));

it('a competition runs its stages as children of wbdc, and says which failed and what they held up', async () => {
  const seen: string[] = [];
  const startChild = async ({ args, onMessage }: ChildOptions): Promise<number> => {
    seen.push(`${args[args.indexOf('--name') + 1]} ${args[0]}`);
    if (args[0] !== 'clip') return 0;
    onMessage({ type: 'outcome', outcome: 'failed', error: 'no picture' });
    return 1;
  };
  const args = ['competition', '--half', 'aiac', '--no-evidence', '--jobs', '2', '--set', 'train.epochs=1'];
  expect(await runCommandLine(args, host, startChild)).toBe(1);
  expect(seen).toEqual(['base data', 'base vocab', 'base clip']);
  expect(host.err).toContain('failed   base clip (0.0 s): no picture');
  expect(host.err).toContain('not begun, as they read those: base features, job1 pretrain, job1 finetune');
  expect(host.err).toMatch(/ and \d+ more$/m);
  expect(existsSync(WBDC_PROGRAM)).toBe(true);
});

it('an interruption ends the objectives with 130', async () => {
  const startChild = async ({ signal }: ChildOptions): Promise<number> => {
    host.signals.emit('SIGINT');
    expect(signal.aborted).toBe(true);
    return 130;
  };
  expect(await runCommandLine(['objectives', '--seeds', '1'], host, startChild)).toBe(130);
  expect(host.err).toContain('finishing the step; press Ctrl-C again to stop at once');
  expect(host.err).toContain('stopped  base data');
  expect(await runCommandLine(['objectives', '--seeds', '0'], host, startChild)).toBe(2);
});

it.each(['0,x', 'all', '-1', '0,0', '', '0;1', 'GPU'])('--devices %s names no cards', async (list) => {
  const seen: string[] = [];
  const startChild = async ({ env }: ChildOptions): Promise<number> => {
    seen.push(`${env['CUDA_VISIBLE_DEVICES']}`);
    return 1;
  };
  expect(await runCommandLine(['competition', `--devices=${list}`], host, startChild)).toBe(2);
  expect([host.err, seen]).toEqual([expect.stringContaining('numbers or UUIDs of cards'), []]);
  const named = ['competition', '--devices', 'GPU-8932f937-d72c-4106-c12f-20bd9faed9f6,1'];
  expect(await runCommandLine(named, host, startChild)).toBe(1);
  expect(seen).toEqual(['GPU-8932f937-d72c-4106-c12f-20bd9faed9f6']);
  expect(await runCommandLine([...named, '--engine', 'webgpu'], host, startChild)).toBe(1);
  expect([host.err, seen.length]).toEqual([expect.stringContaining('--devices: expected --engine tensorflow'), 1]);
});
