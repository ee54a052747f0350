import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Output } from '@wbdc/runner/cli';
import { type JobMessage } from '@wbdc/runner/jobs';
import { childStarter, type ChildOptions } from '../src/jobs/child.js';
import { lineDisplay } from '../src/jobs/display.js';
import { runStageTasks, threadsFor, type StageTask } from '../src/jobs/run-jobs.js';
import { runTasks, type Outcome } from '../src/jobs/schedule.js';

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'wbdc-jobs-'))));
afterEach(() => rm(folder, { recursive: true }));

const task = (name: string, ...needs: string[]) => ({ name, needs });

describe('the schedule', () => {
  const { signal } = new AbortController();

  it('keeps to the limit and to what each needs', async () => {
    let [running, most] = [0, 0];
    const ended: string[] = [];
    const run = async ({ name }: { name: string }): Promise<'done'> => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, name === 'a' ? 20 : 5));
      running--;
      ended.push(name);
      return 'done';
    };
    const tasks = [task('a'), task('b', 'a'), task('c'), task('d'), task('e', 'b', 'd')];
    expect([...(await runTasks(tasks, { limit: 2, signal, run })).values()]).toEqual(Array(5).fill('done'));
    expect(most).toBe(2);
    expect(ended.indexOf('b')).toBeGreaterThan(ended.indexOf('a'));
    expect(ended.at(-1)).toBe('e');
  });

  it('goes on after a failure with what does not need it', async () => {
    const run = async ({ name }: { name: string }): Promise<'done' | 'failed'> => (name === 'a' ? 'failed' : 'done');
    const tasks = [task('a'), task('b', 'a'), task('c', 'b'), task('d')];
    const expected: Record<string, Outcome> = { a: 'failed', b: 'blocked', c: 'blocked', d: 'done' };
    expect(Object.fromEntries(await runTasks(tasks, { limit: 1, signal, run }))).toEqual(expected);
  });

  it('begins nothing after an interruption', async () => {
    const controller = new AbortController();
    const run = async (): Promise<'stopped'> => {
      controller.abort();
      return 'stopped';
    };
    const outcomes = await runTasks([task('a'), task('b')], { limit: 1, signal: controller.signal, run });
    expect([...outcomes.values()]).toEqual(['stopped', 'stopped']);
  });
});

describe('stages in processes', () => {
  const stage = (name: string, ...needs: string[]): StageTask => ({
    ...task(name, ...needs),
    run: name,
    stage: 'data',
    config: 'my.yaml',
    set: [`seed=${name.length}`],
  });
  let err = '';
  const terminal = () => {
    err = '';
    return {
      stdout: { write: () => undefined },
      stderr: { write: (text: string) => void (err += text) },
      env: { ...process.env, VITEST: undefined }, // from source, as Vitest would not
      folder,
      now: () => 0,
    };
  };
  const run = (tasks: StageTask[], startChild: (options: ChildOptions) => Promise<number | NodeJS.Signals>) =>
    runStageTasks(tasks, {
      runs: 'runs',
      jobs: 2,
      options: { set: ['train.epochs=1'], engine: 'cpu', precision: 'fp32' },
      startChild,
      output: new Output(terminal(), {}),
      signal: new AbortController().signal,
    });

  it('get their settings and a share of the threads, and a failure is told with its reason', async () => {
    const seen: string[][] = [];
    const outcomes = await run([stage('good'), stage('bad')], async ({ args, onMessage }) => {
      seen.push([...args]);
      const bad = args.includes('bad');
      onMessage({ type: 'stage', stage: 'data', state: 'started' });
      if (bad) onMessage({ type: 'outcome', outcome: 'failed', error: 'the disk is full: free some space' });
      else onMessage({ type: 'outcome', outcome: 'done', scores: { 'tag/mAP': 0.5, 'tag/mAP baseline': 0.25 } });
      return bad ? 1 : 0;
    });
    expect(Object.fromEntries(outcomes)).toEqual({ good: 'done', bad: 'failed' });
    const settings = ['--set', 'run.folder=runs', '--set', 'seed=4', '--set', 'train.epochs=1'];
    expect(seen[0]).toEqual([
      'data',
      '--config',
      'my.yaml',
      '--name',
      'good',
      '--resume',
      '--threads',
      String(threadsFor(2)),
      '--engine',
      'cpu',
      '--precision',
      'fp32',
      ...settings,
    ]);
    expect(err).toContain('done     good (0.0 s): tag mAP 0.500 (baseline 0.250)\n');
    expect(err).toContain('failed   bad (0.0 s): the disk is full: free some space\n');
    expect(err).toContain(join('runs', 'bad', 'log.txt'));
  });

  it('have a card each, and TensorFlow takes no more of it than it needs', async () => {
    const seen: Record<string, (string | undefined)[]> = {};
    const running = new Map<string, number>();
    let most = 0;
    const startChild = async ({ args, env }: ChildOptions): Promise<number> => {
      const card = env['CUDA_VISIBLE_DEVICES']!;
      seen[args[4]] = [card, env['TF_FORCE_GPU_ALLOW_GROWTH'], env['HOME']];
      running.set(card, (running.get(card) ?? 0) + 1);
      most = Math.max(most, ...running.values());
      await new Promise((resolve) => setTimeout(resolve, args[4] === 'one' ? 30 : 5));
      running.set(card, running.get(card)! - 1);
      return 0;
    };
    const output = new Output(terminal(), {});
    const { signal } = new AbortController();
    const options = { set: [], devices: ['3', '5'] };
    const tasks = ['one', 'two', 'three', 'four'].map((name) => stage(name));
    await runStageTasks(tasks, { runs: 'runs', jobs: 2, options, startChild, output, signal });
    const home = process.env['HOME'];
    // The first keeps its card while the others take turns on the second.
    expect(seen).toEqual({
      one: ['3', 'true', home],
      two: ['5', 'true', home],
      three: ['5', 'true', home],
      four: ['5', 'true', home],
    });
    expect(most).toBe(1);
    await runStageTasks(tasks, { runs: 'runs', jobs: 4, options, startChild, output, signal });
    expect(most).toBe(2);
    await run([stage('none')], async ({ env }) => {
      expect(env).not.toHaveProperty('TF_FORCE_GPU_ALLOW_GROWTH');
      expect(env['CUDA_VISIBLE_DEVICES']).toBe(process.env['CUDA_VISIBLE_DEVICES']);
      return 0;
    });
  });

  it('that were killed are told as such', async () => {
    const program = join(folder, 'killed.mjs');
    await writeFile(program, `process.kill(process.pid, 'SIGKILL'); setTimeout(() => undefined, 20_000);`);
    await run([stage('bad')], childStarter(program));
    expect(err).toContain('failed   bad (0.0 s): killed by SIGKILL, as the system does where memory runs out');
  });

  it('that end without a message, or were complete before, are told as such', async () => {
    await run([stage('bad')], () => Promise.resolve(1));
    expect(err).toContain('failed   bad (0.0 s): ended with exit code 1 and no message\n');
    await run([stage('good')], ({ onMessage }) => {
      onMessage({ type: 'outcome', outcome: 'found' });
      return Promise.resolve(0);
    });
    expect(err).toBe('done     good (before)\n');
  });

  it('are real ones: what they send is what is told', async () => {
    await mkdir(join(folder, 'own/annotations'), { recursive: true });
    await writeFile(join(folder, 'my.yaml'), 'data: { folder: own, trainSplits: [a], heldOutSplits: [b] }\n');
    for (const split of ['a', 'b']) await writeFile(join(folder, `own/annotations/${split}.json`), '[]');
    const wbdc = childStarter(fileURLToPath(new URL('../../runner/src/cli.ts', import.meta.url)));
    await run([stage('one')], wbdc);
    expect(err).toBe('done     one (0.0 s)\n');
    expect(await readFile(join(folder, 'runs/one/log.txt'), 'utf8')).toContain('next     npx wbdc vocab');
    await run([stage('one')], wbdc);
    expect(err).toBe('done     one (before)\n');
    await rm(join(folder, 'own'), { recursive: true });
    expect([...(await run([stage('two')], wbdc)).values()]).toEqual(['failed']);
    expect(err).toMatch(/^failed {3}two \(0.0 s\): expected the annotations of the split 'a' at /);
  });

  it('share the cores', () => {
    expect([threadsFor(1, 8), threadsFor(3, 8), threadsFor(4, 2)]).toEqual([8, 2, 1]);
  });

  it('tell their progress, print into a log, and end when asked', async () => {
    const program = join(folder, 'program.mjs');
    await writeFile(
      program,
      `process.on('SIGINT', () => process.exit(130));
       console.log('args ' + process.argv.slice(2).join(' '));
       process.send('no message of a job');
       process.send({ type: 'progress', done: 1, total: 3, unit: 'steps', note: '' });
       setTimeout(() => process.exit(7), 20_000);`,
    );
    const controller = new AbortController();
    const messages: JobMessage[] = [];
    const onMessage = (message: JobMessage): void => {
      messages.push(message);
      controller.abort();
    };
    const log = join(folder, 'a/log.txt');
    const code = await childStarter(program)({
      args: ['data', '--x'],
      folder,
      env: process.env,
      log,
      onMessage,
      signal: controller.signal,
    });
    expect(code).toBe(130);
    expect(messages).toEqual([{ type: 'progress', done: 1, total: 3, unit: 'steps', note: '' }]);
    expect(await readFile(log, 'utf8')).toBe('args data --x\n');
  });
});

it('a display of lines shows all that run, now and then', () => {
  let [time, written] = [0, ''];
  const stderr = { write: (text: string) => void (written += text) };
  const display = lineDisplay({ stdout: stderr, stderr, env: {}, folder, now: () => time }, 3);
  display.start('job1 pretrain');
  display.start('job2 pretrain');
  display.update('job1 pretrain', { done: 0, total: 100, unit: 'steps', note: '' });
  time = 10_000;
  display.update('job1 pretrain', { done: 50, total: 100, unit: 'steps', note: '' });
  display.end('job1 pretrain', 'done     job1 pretrain');
  expect(written).toBe(
    '0/3 done; job1 pretrain 50/100 steps (50 %), 10 s left; job2 pretrain starting\ndone     job1 pretrain\n',
  );
  written = '';
  display.drop('job2 pretrain'); // back in the queue of a cluster
  display.start('job3 pretrain');
  time = 20_000;
  display.update('job3 pretrain', { done: 1, total: 2, unit: 'steps', note: '' });
  expect(written).toBe('1/3 done; job3 pretrain 1/2 steps (50 %)\n');
});
