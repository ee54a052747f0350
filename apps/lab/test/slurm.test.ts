import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Output } from '@wbdc/runner/cli';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { withoutSlurm } from '../../../tools/mpi.js';
import { tasksOf } from '../src/competition/tasks.js';
import { ENTRIES } from '../src/competition/plan.js';
import type { StageTask } from '../src/jobs/run-jobs.js';
import { slurmJobsOf, submitStages, watchStages } from '../src/jobs/slurm.js';
import { runCommandLine } from '../src/program.js';
import { TestHost } from './host.js';

let folder: string;
let host: TestHost;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wbdc-lab-slurm-'));
  host = new TestHost(folder);
});
afterEach(() => rm(folder, { recursive: true }));

const OPTIONS = { runs: 'runs/x', options: { set: ['seed=3'] }, program: 'wbdc.js', sbatch: [] };

it('stages are jobs after those they read, features an array, trainings ranks', () => {
  const jobs = slurmJobsOf(tasksOf(ENTRIES.wbdc, 'runs/x'), { ...OPTIONS, shards: 3, ranks: 2 }, '/f');
  const named = new Map(jobs.map((job) => [job.name, job]));
  const names = [...named.keys()];
  for (const { name, needs } of jobs) {
    for (const need of needs) expect(names.indexOf(need), `${name} needs ${need}`).toBeLessThan(names.indexOf(name));
  }
  expect(named.get('base features parts')).toMatchObject({ array: 3, needs: ['base clip'] });
  expect(named.get('base features')).toMatchObject({ needs: ['base features parts'] });
  expect(named.get('base features')!.command).toContain('merge-features');
  expect(named.get('base vocab')!.ranks).toBeUndefined();
  for (const name of ['base clip', 'double pretrain', 'pgd finetune']) expect(named.get(name)!.ranks).toBe(2);
  expect(named.get('double pretrain')!.command.slice(1, 3)).toEqual(['wbdc.js', 'pretrain']);
  expect(named.get('double pretrain')!.command).toEqual(expect.arrayContaining(['--set', 'seed=3', '--resume']));
  expect(slurmJobsOf(tasksOf(ENTRIES.wbdc, 'runs/x'), { ...OPTIONS, shards: 1, ranks: 1 }, '/f')).toHaveLength(
    jobs.length - 2,
  );
});

it('without Slurm says where to run it', async () => {
  const path = process.env['PATH'];
  process.env['PATH'] = folder;
  try {
    expect(await runCommandLine(['competition', '--on', 'slurm'], host, () => Promise.resolve(0))).toBe(1);
  } finally {
    process.env['PATH'] = path;
  }
  expect(host.err).toMatch(/squeue: expected a machine from which Slurm takes jobs, got no such program: run it where/);
});

describe.skipIf(withoutSlurm)(`on a Slurm of two nodes (${withoutSlurm ?? 'installed'})`, () => {
  it('submits, shows and says what became of stages', async () => {
    const program = join(folder, 'stage.mjs');
    await writeFile(program, STAGE);
    const stage = (run: string, name: StageTask['stage'], ...needs: string[]): StageTask => {
      return { name: `${run} ${name}`, needs, run, stage: name, config: 'c.yaml', set: [] };
    };
    const tasks = [
      stage('base', 'data'),
      stage('base', 'features', 'base data'),
      stage('good', 'finetune', 'base features'),
      stage('bad', 'finetune', 'base data'),
      stage('worse', 'finetune', 'bad finetune'),
    ];
    const output = new Output(host, {});
    const { signal } = new AbortController();
    const options = { ...OPTIONS, program, shards: 2, ranks: 1, output, signal };
    const jobs = await submitStages(tasks, options);
    expect(host.out).toMatch(/^6 jobs of Slurm, \d+ to \d+; output in runs\/x\/slurm\n$/);
    const outcomes = await watchStages(tasks, jobs, { ...options, everySeconds: 0.3 });
    expect(Object.fromEntries(outcomes)).toEqual({
      'base data': 'done',
      'base features': 'done',
      'good finetune': 'done',
      'bad finetune': 'failed',
      'worse finetune': 'blocked',
    });
    expect(host.err).toMatch(/^done {5}good finetune \(.*\): .*0\.5/m);
    expect(host.err).toMatch(/^failed {3}bad finetune \(.*\): no reason\n.*runs\/x\/slurm\/bad-finetune\.txt$/m);
    const done = (await readFile(join(folder, 'done.txt'), 'utf8')).trim().split('\n');
    expect(done.slice(0, 1)).toEqual(['base data']);
    expect(done).toEqual(expect.arrayContaining(['base features 0/2', 'base features 1/2', 'base merge-features']));
    expect(done.indexOf('base merge-features')).toBeLessThan(done.indexOf('good finetune'));
  });
});

/** A program that says what it was started as, and how it ended. */
const STAGE = `
import { appendFileSync } from 'node:fs';
const { SLURM_ARRAY_TASK_ID: index, SLURM_ARRAY_TASK_COUNT: count, WBDC_MESSAGES: messages } = process.env;
const [stage] = process.argv.slice(2);
const name = process.argv[process.argv.indexOf('--name') + 1];
const tell = (message) => messages && appendFileSync(messages, JSON.stringify(message) + '\\n');
tell({ type: 'stage', stage, state: 'started' });
tell({ type: 'progress', done: 1, total: 2, unit: 'steps', note: '' });
if (name === 'bad') {
  tell({ type: 'outcome', outcome: 'failed', error: 'no reason' });
  process.exit(1);
}
tell({ type: 'outcome', outcome: 'done', scores: { score: 0.5 } });
appendFileSync('done.txt', [name, stage].join(' ') + (index === undefined ? '' : ' ' + index + '/' + count) + '\\n');
`;
