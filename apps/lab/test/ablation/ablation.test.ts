import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '@wbdc/runner';
import { Output } from '@wbdc/runner/cli';
import { ablationTrials, pointsOf, type Ablation } from '../../src/ablation/plan.js';
import type { AblationResults } from '../../src/ablation/results.js';
import { runAblation } from '../../src/ablation/run.js';
import { runOf, stageTasks, type Ladder, type ModelName, type Trial } from '../../src/objectives/plan.js';
import { runCommandLine } from '../../src/program.js';
import { TestHost } from '../host.js';

const ABLATION: Ablation = { axes: ['share', 'epochs', 'width'], epochs: 3, width: 128 };
const LADDER: Ladder = {
  ...{ upTo: 3, start: 'text', probes: ['similarity'], words: '--probe similarity' },
  ...{ data: ['data.set=text'], corpus: ['corpus_near'] },
};

describe('the trials of an ablation', () => {
  it('are no pretraining, all of it, and one thing at a time other than that', () => {
    const names = ablationTrials(['single'], 2, ABLATION, LADDER).map((trial) => runOf(trial).name);
    expect(names.slice(0, 11)).toEqual([
      'single-0-none-seed1',
      'single-3-text-mfm-seed1',
      ...[0.125, 0.25, 0.5].map((share) => `single-3-text-mfm-share${share}-seed1`),
      ...[1, 9].map((epochs) => `single-3-text-mfm-epochs${epochs}-seed1`),
      ...[64, 256].flatMap((width) => [`single-0-none-width${width}-seed1`, `single-3-text-mfm-width${width}-seed1`]),
    ]);
    expect(names).toHaveLength(22);
    expect(new Set(names).size).toBe(22);
  });

  it('keep the steps where the share of the videos falls', () => {
    const points = pointsOf({ ...ABLATION, axes: ['share'] });
    expect(points.map(({ set }) => set)).toEqual([
      ['train.share=0.125', 'train.epochs=24'],
      ['train.share=0.25', 'train.epochs=12'],
      ['train.share=0.5', 'train.epochs=6'],
    ]);
    expect(pointsOf({ ...ABLATION, axes: ['epochs'], epochs: 1 }).map(({ value }) => value)).toEqual([3]);
  });

  it('have settings that can be loaded, and a text side of their own width', async () => {
    const tasks = stageTasks(ablationTrials(['single'], 1, ABLATION, LADDER), 'runs/x', LADDER);
    const of = (name: string) => tasks.find((task) => task.name === name)!;
    expect(of('single-3-text-mfm-seed1 pretrain').needs).toEqual(['base text']);
    expect(of('single-3-text-mfm-width64-seed1 text').needs).toEqual(['base features']);
    expect(of('single-3-text-mfm-width64-seed1 pretrain').needs).toEqual(['single-3-text-mfm-width64-seed1 text']);
    for (const { config: path, set } of tasks) await loadConfig({ folder: '.', path, set });
  });

  it('reach the stages as they are: what all get does not undo what is varied', async () => {
    const host = new TestHost(tmpdir());
    const seen = new Map<string, object>();
    const startChild = async ({ args }: { args: readonly string[] }): Promise<number> => {
      const values = (option: string) => args.flatMap((arg, i) => (args[i - 1] === option ? [arg] : []));
      const [path, name] = [values('--config')[0], values('--name')[0]];
      const { train, model } = await loadConfig({ folder: '.', path, set: values('--set') });
      seen.set(`${name} ${args[0]}`, [train.share, train.epochs, model.width, train.batchSize]);
      return 0;
    };
    const command = ['ablation', '--seeds', '1', '--set', 'train.batchSize=32', '--probe', 'similarity'];
    expect(await runCommandLine(command, host, startChild)).toBe(0);
    expect(seen.get('single-3-text-mfm-seed1 pretrain')).toEqual([1, 3, 128, 32]);
    expect(seen.get('single-3-text-mfm-share0.25-seed1 pretrain')).toEqual([0.25, 12, 128, 32]);
    expect(seen.get('single-3-text-mfm-epochs9-seed1 pretrain')).toEqual([1, 9, 128, 32]);
    expect(seen.get('single-3-text-mfm-width64-seed1 text')).toEqual([1, 3, 64, 32]);
    expect(seen.get('single-0-none-width256-seed1-pairs finetune')).toEqual([1, 3, 256, 32]);
    for (const setting of ['train.epochs=5', 'model.width=32', 'train.share=0.5']) {
      expect(await runCommandLine(['ablation', '--set', setting], host, startChild)).toBe(1);
      expect(host.err).toContain(`--set: expected --epochs and --width, for what an ablation varies, got ${setting}`);
    }
  });
});

describe('the results of an ablation', () => {
  let root: string;
  beforeEach(async () => (root = await mkdtemp(join(tmpdir(), 'wbdc-ablation-'))));
  afterEach(() => rm(root, { recursive: true }));

  async function record(run: string, stage: string, summary: object): Promise<void> {
    const folder = join(root, 'runs/ablation', run, stage);
    await mkdir(folder, { recursive: true });
    const made = { fingerprint: 'f', upstream: {}, created: '2026-01-01', seconds: 10 };
    const settings = { model: {}, train: {}, finetune: { kind: 'similarity' } };
    const content = { stage, status: 'complete', settings, summary, ...made, environment: { engine: 'an engine' } };
    await writeFile(join(folder, 'stage.json'), JSON.stringify(content));
  }
  /** A trial that is done with this correlation. */
  async function done(trial: Trial, spearman: number): Promise<void> {
    const measured = { spearman, 'spearman baseline': 0.65 };
    await record(runOf(trial, 'similarity').name, 'finetune', { measured });
    if (trial.objectives === 0) return;
    const learned = { 'mlm/accuracy': spearman / 4, 'mlm/accuracy baseline': 0.1 };
    await record(runOf(trial).name, 'pretrain', { 'encoder passes': 1, parameters: 1234, step: 99, measured: learned });
  }
  async function run(models: readonly ModelName[] = ['single']): Promise<{ host: TestHost; results: AblationResults }> {
    const host = new TestHost(root);
    const options = { name: 'ablation', jobs: 1, set: ['finetune.epochs=2'], models, seeds: 2 } as const;
    const all = { ...options, ablation: ABLATION, ladder: LADDER, out: 'reports' };
    const { signal } = new AbortController();
    expect(await runAblation(all, new Output(host, { json: true }), signal, () => Promise.resolve(0))).toBe(0);
    return { host, results: (JSON.parse(host.out) as { results: AblationResults }).results };
  }

  it('are the gain at every point, seed by seed, against the fresh weights that it compares with', async () => {
    for (const trial of ablationTrials(['single'], 2, ABLATION, LADDER)) {
      const { objectives, point, seed } = trial;
      if (point?.axis === 'share' && seed === 2) continue; // not there yet
      const gain = point === undefined ? 0.04 : point.axis === 'width' ? 0.06 : 0.02;
      const fresh = 0.6 + seed / 100 + (point?.axis === 'width' ? 0.05 : 0);
      await done(trial, objectives === 0 ? fresh : fresh + gain * seed);
    }
    const { results } = await run();
    expect([results.done, results.planned]).toEqual([19, 22]);
    const rows = Object.fromEntries(results.curves.map((curve) => [curve.axis, curve.rows]));
    expect(rows['share'].map(({ value, seeds }) => [value, seeds.length])).toEqual([
      [0.125, 1],
      [0.25, 1],
      [0.5, 1],
      [1, 2],
    ]);
    expect(rows['epochs'].map(({ value }) => value)).toEqual([1, 3, 9]);
    expect(rows['epochs'][0].gain).toEqual({ mean: expect.closeTo(0.03, 10), error: expect.closeTo(0.01, 10) });
    // Another width is finetuned from fresh weights of that width.
    expect(rows['width'].map(({ none }) => none)).toEqual([0.665, 0.615, 0.665].map((x) => expect.closeTo(x, 10)));
    expect(rows['width'][2].gain.mean).toBeCloseTo(0.09, 10);
    const report = await readFile(join(root, 'reports/ablation.md'), 'utf8');
    expect(report).toContain('**Unfinished**: 19 of 22 probes.');
    expect(report).toContain(
      '`node apps/lab/bin/lab.js ablation --probe similarity --axis share --axis epochs --axis width --model single ' +
        '--epochs 3 --width 128 --seeds 2 --set finetune.epochs=2`',
    );
    expect(report).toContain('| 1 | 0.6150 | 0.6450 | +0.0300 ± 0.0100 | 99 | 1,234 | 0.161 |');
    expect(report).toContain('| ignoring the input |  |  |  |  |  | 0.100 |');
    expect(report).toContain('What needs no model reaches 0.6500');
    const svg = await readFile(join(root, 'reports/ablation-width.svg'), 'utf8');
    expect(svg.match(/<circle/g)).toHaveLength(6);
  });

  it('keep what somebody has written of them', async () => {
    for (const trial of ablationTrials(['single'], 1, ABLATION, LADDER)) await done(trial, 0.7);
    await mkdir(join(root, 'reports'));
    await writeFile(join(root, 'reports/ablation-notes.md'), 'More data helps.\n');
    await run();
    expect((await run(['single', 'double'])).results.command).toContain(' --model both ');
    const report = await readFile(join(root, 'reports/ablation.md'), 'utf8');
    expect(report).toContain('## What it shows\n\nMore data helps.\n');
  });

  it('are written by the command, and an axis that is not there is wrong usage', async () => {
    const host = new TestHost(root);
    expect(await runCommandLine(['ablation', '--axis', 'depth'], host, () => Promise.resolve(0))).toBe(2);
    const args = ['ablation', '--axis', 'epochs', '--seeds', '1', '--data', 'demo', '--probe', 'similarity'];
    const ran: string[] = [];
    const startChild = ({ args }: { args: readonly string[] }): Promise<number> => {
      ran.push(`${args[args.indexOf('--name') + 1]} ${args[0]}`);
      return Promise.resolve(0);
    };
    expect(await runCommandLine(args, host, startChild)).toBe(0);
    expect(ran).toContain('single-3-mfm-epochs9-seed1 pretrain');
    expect(ran).not.toContain('base text');
  });
});
