import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { wbdcLayout, writeAnnotations, writeFrameZip, writeLabels } from '@wbdc/data';
import { Output } from '@wbdc/runner/cli';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { compiled } from '../../../tools/compiled.js';
import { withoutMpi, withoutSlurm } from '../../../tools/mpi.js';
import { baseFor, dataSettings, type OwnData } from '../src/competition/own-data.js';
import { tasksOf } from '../src/competition/tasks.js';
import { AIAC, ENTRIES } from '../src/competition/plan.js';
import { aiacResults } from '../src/competition/results.js';
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
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

const OPTIONS = { runs: 'runs/x', options: { set: ['seed=3'] }, program: 'wbdc.js', sbatch: [] };

it('stages are jobs after those they read, features an array, trainings ranks', () => {
  const jobs = slurmJobsOf(tasksOf(ENTRIES.wbdc, 'runs/x'), { ...OPTIONS, shards: 3, ranks: 2 }, '/f');
  const named = new Map(jobs.map((job) => [job.name, job]));
  const names = [...named.keys()];
  for (const { name, needs } of jobs) {
    for (const need of needs) expect(names.indexOf(need), `${name} needs ${need}`).toBeLessThan(names.indexOf(name));
  }
  expect(named.get('base features parts')).toMatchObject({
    array: 3,
    needs: ['base clip'],
    env: { WBDC_MESSAGES: '/f/base-features-parts-%a.jsonl' }, // a file each
  });
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
      stage('dead', 'finetune', 'base data'),
      stage('torn', 'features', 'base data'),
      stage('late', 'finetune', 'torn features'),
    ];
    const output = new Output(host, {});
    let seconds = 0;
    const { signal } = new AbortController();
    const options = { ...OPTIONS, program, shards: 2, ranks: 1, output, signal };
    const jobs = await submitStages(tasks, options);
    expect(host.out).toMatch(/^10 jobs of Slurm, \d+ to \d+; output in runs\/x\/slurm\n$/);
    const clock = vi.spyOn(host, 'now').mockImplementation(() => (seconds += 20) * 1000); // every line is due
    const outcomes = await watchStages(tasks, jobs, { ...options, everySeconds: 0.3 });
    clock.mockRestore();
    expect(Object.fromEntries(outcomes)).toEqual({
      'base data': 'done',
      'base features': 'done',
      'good finetune': 'done',
      'bad finetune': 'failed',
      'worse finetune': 'blocked',
      'dead finetune': 'failed',
      'torn features': 'failed',
      'late finetune': 'blocked',
    });
    // Of two parts one has ended, the other is at 1 of its 2 steps.
    expect(host.err).toMatch(/base features parts 1\.5\/2 parts \(75 %\)/);
    expect(host.err).toMatch(
      /^failed {3}torn features \(.*\): no part\n.*runs\/x\/slurm\/torn-features-parts-1\.txt$/m,
    );
    expect(host.err).toMatch(/^done {5}good finetune \(.*\): .*0\.5/m);
    expect(host.err).toMatch(/^failed {3}bad finetune \(.*\): no reason\n.*runs\/x\/slurm\/bad-finetune\.txt$/m);
    expect(host.err).toMatch(/^failed {3}dead finetune \(.*\): rank 1 of 2 has died$/m);
    const done = (await readFile(join(folder, 'done.txt'), 'utf8')).trim().split('\n');
    expect(done.slice(0, 1)).toEqual(['base data']);
    expect(done).toEqual(expect.arrayContaining(['base features 0/2', 'base features 1/2', 'base merge-features']));
    expect(done.indexOf('base merge-features')).toBeLessThan(done.indexOf('good finetune'));
  });

  it.skipIf(withoutMpi)(
    'makes a competition whole: trained by ranks, features in parts, ensembled',
    async () => {
      // Two of the six jobs, of which one goes on from the other's pretraining. Debian's Open MPI refuses root.
      const entries = [AIAC[0], AIAC[3]];
      for (const name of ['OMPI_ALLOW_RUN_AS_ROOT', 'OMPI_ALLOW_RUN_AS_ROOT_CONFIRM']) vi.stubEnv(name, '1');
      for (const name of ['VITEST', 'NODE_OPTIONS']) vi.stubEnv(name, undefined); // jobs are no part of the test runner
      const own = await writeOwnData();
      const tasks = tasksOf(entries, 'runs/x', baseFor(own), dataSettings(own));
      const { signal } = new AbortController();
      const shared = { set: MINIATURE, engine: 'ort', threads: 1 };
      const output = new Output(host, {});
      const program = await compiled('apps/runner/src/cli.ts');
      const options = { ...OPTIONS, options: shared, program, shards: 2, ranks: 2, output, signal };
      const outcomes = await watchStages(tasks, await submitStages(tasks, options), { ...options, everySeconds: 0.5 });
      expect([...outcomes].filter(([, outcome]) => outcome !== 'done')).toEqual([]);
      expect(outcomes.size).toBe(8);
      expect(host.err).toMatch(/^done {5}job4 finetune \(.*\): spearman/m);
      for (const trained of ['base-clip', 'job1-pretrain', 'job4-finetune']) {
        expect(await readFile(join(folder, `runs/x/slurm/${trained}.txt`), 'utf8')).toMatch(/^ranks {4}.*, 2 ranks;/m);
      }
      expect(await readFile(join(folder, 'runs/x/slurm/base-features-parts-1.txt'), 'utf8')).toContain('1/2');
      await mkdir(join(folder, 'runs/x/results'));
      const { jobs, ensembles } = await aiacResults(
        join(folder, 'runs/x'),
        join(folder, 'runs/x/results'),
        own,
        entries,
      );
      expect(jobs.map(({ spearman }) => Math.abs(spearman) <= 1)).toEqual([true, true]);
      expect(ensembles.map(({ models }) => models)).toEqual([1, 2]);
      expect(ensembles.every(({ spearman }) => Math.abs(spearman) <= 1)).toBe(true);
    },
    900_000,
  );
});

/** Videos of one picture each in the WBDC layout, and scored pairs of them. */
async function writeOwnData(): Promise<OwnData> {
  const layout = wbdcLayout(join(folder, 'my'));
  await mkdir(join(folder, 'my/annotations'), { recursive: true });
  const ids: Record<string, string[]> = {};
  for (const [s, split] of ['unlabeled', 'labeled', 'test_a'].entries()) {
    const own = Array.from({ length: split === 'test_a' ? 6 : 16 }, (_, i) => `${s + 1}${String(i).padStart(18, '0')}`);
    ids[split] = own;
    await writeAnnotations(
      layout.annotations(split),
      own.map((id, i) => ({ id, title: WORDS[i % WORDS.length], asr: '', ocr: [], categoryId: CATEGORY })),
    );
    for (const [i, id] of own.entries()) {
      const background = { r: (61 * i + 20 * s) % 256, g: (87 * i) % 256, b: (143 * i) % 256 };
      const bytes = await sharp({ create: { width: 16, height: 16, channels: 3, background } })
        .jpeg()
        .toBuffer();
      await writeFrameZip(layout.frameZip(split, id), [{ name: '000.jpg', bytes }]);
    }
  }
  const pairs = { train: join(folder, 'pairs.tsv'), heldOut: join(folder, 'held-out.tsv') };
  for (const [file, of] of [[pairs.train, ids['labeled']] as const, [pairs.heldOut, ids['test_a']] as const]) {
    const all = of.flatMap((id1, i) => of.slice(i + 1).map((id2, k) => ({ id1, id2, score: ((i + k) % 5) / 4 })));
    await writeLabels(file, all);
  }
  return { folder: join(folder, 'my'), layout: 'wbdc', pairs };
}

const WORDS = ['黑猫', '白狗', '红车', '蓝鸟', '绿树'];
const CATEGORY = '0100';

/** As small as every stage still has something to do. */
const MINIATURE = [
  'clip.vision={imageSize: 16, patchSize: 8, width: 8, layers: 1, heads: 2}',
  'clip.text={width: 8, layers: 1, heads: 2, budget: 8}',
  ...['clip.batchSize=8', 'clip.epochs=1', 'features.decodeThreads=1'],
  ...['model={width: 8, layers: 1, heads: 2, maxPositions: 64}', 'tasks.tag=null'],
  ...['train.batchSize=8', 'train.epochs=1', 'finetune.batchSize=16', 'finetune.epochs=1', 'finetune.width=4'],
];

/** A program that says what it was started as, and how it ended. */
const STAGE = `
import { appendFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
const { SLURM_ARRAY_TASK_ID: index, SLURM_ARRAY_TASK_COUNT: count, WBDC_MESSAGES: messages } = process.env;
const [stage] = process.argv.slice(2);
const name = process.argv[process.argv.indexOf('--name') + 1];
const tell = (message) => messages && appendFileSync(messages, JSON.stringify(message) + '\\n');
tell({ type: 'stage', stage, state: 'started' });
tell({ type: 'progress', done: 1, total: 2, unit: 'steps', note: '' });
if (name === 'base' && index === '1') await setTimeout(4000);
if (name === 'torn' && index === '1') {
  tell({ type: 'outcome', outcome: 'failed', error: 'no part' });
  process.exit(1);
}
if (name === 'bad') {
  tell({ type: 'outcome', outcome: 'failed', error: 'no reason' });
  process.exit(1);
}
if (name === 'dead') {
  console.error('error: rank 1 of 2 has died');
  process.exit(1);
}
tell({ type: 'outcome', outcome: 'done', scores: { score: 0.5 } });
appendFileSync('done.txt', [name, stage].join(' ') + (index === undefined ? '' : ' ' + index + '/' + count) + '\\n');
`;
