import { existsSync, readdirSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCommandLine } from '../src/program.js';
import type { Stage, StageContext, StageResult } from '../src/run/stage.js';
import { TestHost } from './host.js';

let folder: string;
let host: TestHost;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wbdc-start-'));
  host = new TestHost(folder);
});
afterEach(() => rm(folder, { recursive: true }));

const done: StageResult = { status: 'complete', read: [], made: [], summary: {} };
const stage = (run: (context: StageContext) => Promise<StageResult>): Stage => ({
  ...{ name: 'pretrain', title: 'train', description: 'Trains.', examples: [['wbdc pretrain', 'so']] },
  ...{ needs: [], needsEngine: false, run },
  settings: ({ seed, train }) => ({ seed, train: { ...train } }),
});
const writing = stage(async (context) => {
  await writeFile(join(context.folder, 'file'), 'made');
  return done;
});
const failing = stage(async (context) => {
  await writeFile(join(context.folder, 'tag_list.txt'), 'a\n'); // what every training writes first
  throw new Error('no such checkpoint');
});
const run = (args: string, one: Stage) => runCommandLine(args.split(' '), host, [one]);
const path = (name: string): string => join(folder, 'runs/run', name);

describe('a stage that fails before it has made anything', () => {
  it('is not in the way of the corrected command', async () => {
    expect(await run('pretrain --set train.init=nowhere', failing)).toBe(1);
    expect(existsSync(path('pretrain'))).toBe(false);
    expect(await run('pretrain', writing)).toBe(0);
  });

  it('puts back what --overwrite had moved', async () => {
    expect(await run('pretrain', writing)).toBe(0);
    expect(await run('pretrain --overwrite', failing)).toBe(1);
    expect(readdirSync(join(folder, 'runs/run'))).toEqual(['pretrain']);
    expect(await readFile(path('pretrain/file'), 'utf8')).toBe('made');
    expect(await run('pretrain', failing)).toBe(0); // done already
  });

  it('is not in the way when it was killed there, either', async () => {
    const killed = stage(() => Promise.resolve({ ...done, status: 'interrupted' }));
    expect(await run('pretrain --seed 2', killed)).toBe(130);
    expect(existsSync(path('pretrain/stage.json'))).toBe(true);
    expect(await run('pretrain --seed 3', writing)).toBe(0);
  });

  it('is in the way where it has made something', async () => {
    const broken = stage(async (context) => {
      await writeFile(join(context.folder, 'metrics.jsonl'), '{"step":1}\n');
      throw new Error('the loss is no number');
    });
    expect(await run('pretrain', broken)).toBe(1);
    expect(await run('pretrain --seed 3', writing)).toBe(1);
    expect(host.err).toContain('pretrain was made with other settings:\n  seed: there 1, now 3');
  });
});

it('a complete stage that was killed before it had its page gets it by the same command', async () => {
  await run('pretrain', writing);
  await writeFile(path('pretrain/metrics.jsonl'), '{"type":"evaluation","step":1,"metrics":{"mAP":0.5}}\n');
  expect(await run('pretrain', failing)).toBe(0);
  expect(await readFile(path('pretrain/report.html'), 'utf8')).toContain('mAP');
});

describe('a run of an earlier version', () => {
  /** Its record knows neither that setting of `train` nor what it was made from. */
  const without = async (setting: string): Promise<void> => {
    const record: unknown = JSON.parse(await readFile(path('pretrain/stage.json'), 'utf8'), (key, value: unknown) =>
      key === setting || key === 'inputs' ? undefined : value,
    );
    expect(record).toMatchObject({ settings: { train: {} } });
    await writeFile(path('pretrain/stage.json'), JSON.stringify({ ...(record as object), fingerprint: 'other' }));
  };

  it.each(['init', 'splits', 'order', 'warmup'])('has the default of a setting that it lacks: %s', async (name) => {
    await run('pretrain', writing);
    await without(name);
    expect(await run('pretrain', failing)).toBe(0);
    expect(host.out).toContain('already done');
    expect(host.err).toBe('');
  });

  it('differs where that is set now', async () => {
    await run('pretrain', writing);
    await without('order');
    expect(await run('pretrain --set train.order=in-turn', writing)).toBe(1);
    expect(host.err).toContain('train.order: there "shuffled", now "in-turn"');
  });
});

describe('two processes on one stage', () => {
  it('the second is told who is at work, and the first is not disturbed', async () => {
    const second = new TestHost(folder);
    const nested = stage(async (context) => {
      expect(await runCommandLine(['pretrain', '--overwrite'], second, [writing])).toBe(1);
      return writing.run(context);
    });
    expect(await run('pretrain', nested)).toBe(0);
    expect(second.err).toMatch(
      new RegExp(`pretrain: expected no other process that writes there, got process ${process.pid} on ${hostname()}`),
    );
    expect(readdirSync(join(folder, 'runs/run'))).toEqual(['pretrain']);
    expect(await run('pretrain --overwrite', writing)).toBe(0);
  });

  it('a refused command leaves no folder', async () => {
    expect(await run('pretrain --name typo', { ...writing, needs: ['data'] })).toBe(1);
    expect(existsSync(join(folder, 'runs'))).toBe(false);
  });
});
