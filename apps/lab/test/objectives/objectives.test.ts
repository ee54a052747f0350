import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '@wbdc/runner';
import { Output } from '@wbdc/runner/cli';
import type { StartChild } from '../../src/jobs/child.js';
import { objectivesChart } from '../../src/objectives/chart.js';
import {
  configOf,
  runOf,
  runsOf,
  settingsOf,
  stageTasks,
  trialsOf,
  WHOLE,
  type Probe,
  type Trial,
} from '../../src/objectives/plan.js';
import { objectivesReport } from '../../src/objectives/report.js';
import { gatherResults, type ObjectivesResults } from '../../src/objectives/results.js';
import { runObjectives } from '../../src/objectives/run.js';
import { TestHost } from '../host.js';
import { viewsOf } from '@wbdc/pipeline';

describe('the trials', () => {
  const load = (trial: Trial) => loadConfig({ folder: '.', path: configOf(trial), set: settingsOf(trial) });

  it('are every number of objectives with both models and all seeds', () => {
    const trials = trialsOf(['single', 'double'], 3);
    expect(trials).toHaveLength(2 * 7 * 3);
    expect(new Set(trials.map((trial) => runOf(trial).name)).size).toBe(trials.length);
    expect(trials.slice(0, 14).every(({ seed }) => seed === 1)).toBe(true);
  });

  it('add one objective at a time and change nothing else but the model', async () => {
    const added: string[][] = [];
    for (const objectives of [1, 2, 3, 4, 5, 6]) {
      const config = await load({ model: 'single', objectives, seed: 2 });
      expect(config).toMatchObject({ seed: 2, model: { kind: 'uni-model' }, run: { base: 'base' } });
      added.push(viewsOf(config).flatMap(({ tasks }) => tasks));
    }
    expect(added.map((tasks) => tasks.length)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(added[2].sort()).toEqual(['mfm', 'mlm', 'tag']);
    const [single, double] = await Promise.all(
      (['single', 'double'] as const).map((model) => load({ model, objectives: 6, seed: 1 })),
    );
    expect(double).toMatchObject({ model: { kind: 'lxmert-model' }, tasks: single.tasks, train: single.train });
  });

  it('run after the base that they read, and finetune what they pretrained', () => {
    const tasks = stageTasks(trialsOf(['single'], 1), 'runs/x');
    expect(tasks.slice(0, 5).map(({ name, needs }) => [name, ...needs])).toEqual([
      ['base data'],
      ['base vocab', 'base data'],
      ['base clip', 'base vocab'],
      ['base features', 'base clip'],
      ['single-0-none-seed1 finetune', 'base features'],
    ]);
    expect(tasks.at(-1)).toMatchObject({ stage: 'finetune', needs: ['single-6-mmm-seed1 pretrain'] });
  });

  it('with a corpus share its vocabulary, and start from the text side that has read it', async () => {
    const ladder = { ...WHOLE, upTo: 2, data: ['data.folder=/data'], corpus: ['near'], start: 'both' } as const;
    const trials = trialsOf(['double'], 2, ladder);
    expect(trials.map((trial) => runOf(trial).name).slice(0, 5)).toEqual([
      'double-0-none-seed1',
      'double-0-text-none-seed1',
      'double-1-text-tag-seed1',
      'double-2-text-mlm-seed1',
      'double-2-mlm-seed1',
    ]);
    const ends = trialsOf(['double'], 2, { ...ladder, ends: true });
    expect(ends.map(({ objectives, text }) => [objectives, text]).slice(0, 4)).toEqual([
      [0, undefined],
      [0, true],
      [2, true],
      [2, undefined],
    ]);
    const tasks = stageTasks(trials, 'runs/x', ladder);
    const of = (name: string) => tasks.find((task) => task.name === name)!;
    expect(of('base text').needs).toEqual(['base features']);
    expect(of('double-2-text-mlm-seed1 pretrain').needs).toEqual(['base text']);
    expect(of('double-2-mlm-seed1 pretrain').needs).toEqual(['base features']);
    for (const { name, config: path, set } of tasks) {
      const { vocab, corpus, data, train, text, finetune } = await loadConfig({ folder: '.', path, set });
      expect([vocab.size, data.folder, text.fields.length], name).toEqual([9600, '/data', 3]);
      expect(corpus!.splits, name).toEqual(['near']);
      expect(corpus!.start, name).toBe(name.startsWith('base') || name.includes('text'));
      expect(train.rules.length, name).toBe(name.includes('-text-') ? 1 : 0);
      if (name.startsWith('double-0-text')) expect(finetune.init).toBe('text');
    }
    const fresh = { ...ladder, start: 'fresh' } as const;
    const without = stageTasks(trialsOf(['single'], 1, fresh), 'runs/x', fresh);
    expect(without.filter(({ name }) => name.includes('text'))).toEqual([]);
  });

  it('are probed with pairs in runs of their own, from the same pretraining', async () => {
    const ladder = { ...WHOLE, upTo: 1, probes: ['category', 'similarity'] } as const;
    const tasks = stageTasks(trialsOf(['single'], 1, ladder), 'runs/x', ladder);
    expect(tasks.slice(4).map(({ name, needs }) => [name, ...needs])).toEqual([
      ['single-0-none-seed1 finetune', 'base features'],
      ['single-0-none-seed1-pairs finetune', 'base features'],
      ['single-1-tag-seed1 pretrain', 'base features'],
      ['single-1-tag-seed1 finetune', 'single-1-tag-seed1 pretrain'],
      ['single-1-tag-seed1-pairs finetune', 'single-1-tag-seed1 pretrain'],
    ]);
    const settings = await Promise.all(
      tasks.slice(4).map(({ config: path, set }) => loadConfig({ folder: '.', path, set })),
    );
    expect(settings.map(({ finetune: { kind, init } }) => [kind, init])).toEqual([
      ['category', 'none'],
      ['similarity', 'none'],
      ['category', 'pretrain'],
      ['category', 'pretrain'],
      ['similarity', 'runs/x/single-1-tag-seed1/pretrain/checkpoints'],
    ]);
    const alone = runsOf({ model: 'single', objectives: 1, seed: 1 }, ['similarity']);
    expect(alone.map(({ name, stages }) => [name, ...stages])).toEqual([
      ['single-1-tag-seed1', 'pretrain'],
      ['single-1-tag-seed1-pairs', 'finetune'],
    ]);
  });

  it('begin with finetuning from fresh weights', async () => {
    expect(runOf({ model: 'single', objectives: 0, seed: 1 }).stages).toEqual(['finetune']);
    expect((await load({ model: 'single', objectives: 0, seed: 1 })).finetune.init).toBe('none');
  });
});

describe('the results', () => {
  let root: string;
  beforeEach(async () => (root = await mkdtemp(join(tmpdir(), 'wbdc-objectives-'))));
  afterEach(() => rm(root, { recursive: true }));

  const CHANGED = { model: { width: 64 }, train: { epochs: 3 } };
  async function record(
    trial: Trial,
    stage: string,
    summary: object,
    { status = 'complete', probe = 'category' }: { status?: string; probe?: Probe } = {},
  ): Promise<void> {
    const folder = join(root, runOf(trial, probe).name, stage);
    await mkdir(folder, { recursive: true });
    const settings = { ...CHANGED, finetune: { kind: probe, epochs: 2 } };
    const made = { fingerprint: 'f', upstream: {}, created: '2026-01-01', seconds: 10 };
    const content = { stage, status, settings, summary, ...made, environment: { engine: 'an engine' } };
    await writeFile(join(folder, 'stage.json'), JSON.stringify(content));
  }
  /** A trial that is done with this score. */
  async function done(objectives: number, seed: number, score: number, text?: true): Promise<void> {
    const trial = { model: 'single', objectives, seed, ...(text && { text }) } as const;
    await record(trial, 'finetune', { measured: { score } });
    if (objectives > 0)
      await record(trial, 'pretrain', {
        'encoder passes': 1,
        parameters: 1234,
        step: 99,
        measured: { 'tag/loss': 1, 'tag/mAP': score / 2, 'tag/mAP baseline': 0.1 },
      });
  }
  async function gather(): Promise<ObjectivesResults> {
    return { ...(await gatherResults(root, trialsOf(['single', 'double'], 3), WHOLE.probes)), seconds: 60 };
  }

  it('are mean, deviation and the change seed by seed', async () => {
    for (const [i, score] of [0.3, 0.5, 0.4].entries()) await done(1, i + 1, score);
    for (const [i, score] of [0.32, 0.53, 0.44].entries()) await done(2, i + 1, score);
    const { models, done: count, planned } = await gather();
    expect([count, planned]).toEqual([6, 42]);
    const [tag, mlm] = models[0].rows;
    expect(tag).toMatchObject({ label: 'tag', published: { spearman: 0.8786 } });
    expect(tag.change).toBeUndefined();
    expect([tag.mean, tag.spread]).toEqual([expect.closeTo(0.4, 12), expect.closeTo(0.1, 12)]);
    // Differences 0.02, 0.03, 0.04: mean 0.03, deviation 0.01.
    expect(mlm.change).toEqual({ mean: expect.closeTo(0.03, 12), error: expect.closeTo(0.01 / Math.sqrt(3), 12) });
    expect(mlm.published?.change).toBeCloseTo(0.0026, 12);
    expect(mlm.pretraining).toEqual({
      encoderPasses: 1,
      parameters: 1234,
      steps: 99,
      seconds: 10,
      heldOut: { 'tag/mAP': { reached: expect.closeTo(0.215, 12), baseline: expect.closeTo(0.1, 12) } },
    });
  });

  it('put all beside no pretraining, and the last beside the same without general text', async () => {
    for (const [i, score] of [0.2, 0.3].entries()) await done(0, i + 1, score);
    for (const [i, score] of [0.3, 0.5].entries()) await done(2, i + 1, score);
    for (const [i, score] of [0.3, 0.4].entries()) await done(0, i + 1, score, true);
    for (const [i, score] of [0.4, 0.6].entries()) await done(1, i + 1, score, true);
    for (const [i, score] of [0.6, 0.7].entries()) await done(2, i + 1, score, true);
    const trials = trialsOf(['single'], 2, { upTo: 2, start: 'both' });
    const results = { ...(await gatherResults(root, trials, ['category'])), seconds: 60 };
    const [none, read, tag, mlm, fresh] = results.models[0].rows;
    expect([read.label, read.overall?.mean]).toEqual(['general text', expect.closeTo(0.1, 12)]);
    expect([none.overall, tag.overall?.mean]).toEqual([undefined, expect.closeTo(0.25, 12)]);
    expect([tag, mlm, fresh].map(({ label }) => label)).toEqual(['+ tag', '+ mlm', 'without general text']);
    expect([mlm.change?.mean, mlm.overall?.mean]).toEqual([expect.closeTo(0.15, 12), expect.closeTo(0.4, 12)]);
    expect([fresh.change?.mean, fresh.published]).toEqual([expect.closeTo(-0.25, 12), undefined]);
    expect(objectivesReport(results)).toContain('- without general text: down (-0.2500 ± 0.0500)');
    expect(objectivesReport(results)).toContain('`general text` is finetuned from a text side');
    expect(objectivesChart(results)).toContain('general text');
  });

  it('are a table for each probe, all of one pretraining', async () => {
    await done(0, 1, 0.3);
    await done(1, 1, 0.5);
    const trial = { model: 'single', objectives: 1, seed: 1 } as const;
    await record(trial, 'finetune', { measured: { spearman: 0.7 } }, { probe: 'similarity' });
    const gathered = await gatherResults(root, trialsOf(['single'], 1), ['category', 'similarity']);
    expect(gathered.models.map(({ measure, rows }) => [measure, ...rows.map(({ mean }) => mean)])).toEqual([
      ['score', 0.3, 0.5],
      ['spearman', 0.7],
    ]);
    expect(gathered.models[1].rows[0].pretraining?.steps).toBe(99);
    expect([gathered.done, gathered.planned]).toEqual([3, 14]);
    const report = objectivesReport({ ...gathered, seconds: 60 });
    expect(report).toContain('## Single stream (uni-model): categories');
    expect(report).toContain('## Single stream (uni-model): pairs');
    expect(report).not.toContain('general text');
    expect(objectivesChart(gathered)).toContain('score or spearman');
  });

  it('of the ends alone say what was added between them, beside no published step', async () => {
    await done(0, 1, 0.3);
    await done(3, 1, 0.5);
    const fresh = await gatherResults(root, trialsOf(['single'], 1, { upTo: 3, start: 'fresh', ends: true }), [
      'category',
    ]);
    expect(fresh.models[0].rows.map(({ label }) => label)).toEqual(['no pretraining', 'tag, mlm, mfm']);
    expect(fresh.models[0].rows[1].published).toEqual({ spearman: 0.8858 });
    await done(0, 1, 0.4, true);
    await done(3, 1, 0.6, true);
    const read = await gatherResults(root, trialsOf(['single'], 1, { upTo: 3, start: 'text', ends: true }), [
      'category',
    ]);
    expect(read.models[0].rows.map(({ label }) => label)).toEqual([
      'no pretraining',
      'general text',
      '+ tag, mlm, mfm',
    ]);
  });

  it('compare only the seeds that both have, and leave out what is not done', async () => {
    for (const [i, score] of [0.3, 0.5].entries()) await done(0, i + 1, score);
    await done(1, 2, 0.6);
    await record({ model: 'single', objectives: 1, seed: 1 }, 'finetune', {}, { status: 'unfinished' });
    const [none, tag] = (await gather()).models[0].rows;
    expect(none.pretraining).toBeUndefined();
    expect(tag.seeds).toEqual([{ seed: 2, value: 0.6 }]);
    expect(tag.change).toEqual({ mean: expect.closeTo(0.1, 12) });
    expect(tag.spread).toBeUndefined();
  });

  it('leave out trials whose stages were refused, though their old results are there', async () => {
    const host = new TestHost(root);
    root = join(root, 'runs/tried');
    await done(1, 1, 0.5);
    await done(2, 1, 0.9);
    const refused = runOf({ model: 'single', objectives: 2, seed: 1 }).name;
    const startChild: StartChild = ({ args }) => Promise.resolve(args.includes(refused) ? 1 : 0);
    const options = { name: 'tried', jobs: 1, set: [], models: ['single'], seeds: 1 } as const;
    const { signal } = new AbortController();
    expect(await runObjectives(options, new Output(host, { json: true }), signal, startChild)).toBe(1);
    const { results } = JSON.parse(host.out) as { results: ObjectivesResults };
    expect(results.command).toBeUndefined();
    expect(results).toMatchObject({ done: 1, planned: 7, models: [{ rows: [{ mean: 0.5 }] }] });
    expect(host.err).toContain(`failed: ${refused} pretrain`);
    root = host.folder;
  });

  it('are reported as they are, whatever they show', async () => {
    for (const [i, score] of [0.5, 0.51, 0.52].entries()) await done(1, i + 1, score);
    for (const [i, score] of [0.4, 0.41, 0.42].entries()) await done(2, i + 1, score);
    for (const [i, score] of [0.3, 0.5, 0.43].entries()) await done(3, i + 1, score);
    const results = await gather();
    const report = objectivesReport(results);
    expect(report).toContain('9 of 42 trials');
    expect(report).toContain(
      '| + mlm | 0.4100 | 0.0100 | 0.4000 | 0.4100 | 0.4200 | -0.1000 ± 0.0000 |  | 1 | 1,234 |',
    );
    expect(report).toContain('- + mlm: down (-0.1000 ± 0.0000); published +0.0026, up');
    expect(report).toContain('- + mfm: no change beyond the noise');
    expect(report).toContain('| + mlm | 0.205 |\n| + mfm | 0.205 |\n| ignoring the input | 0.100 |');
    expect(report).not.toContain('What it shows\n');
    expect(report).toContain('Made by `npx nx run runner:objectives`');
    expect(objectivesReport({ ...results, command: 'lab x' })).toContain('Made by `lab x`, which repeats it');
    expect(objectivesReport(results, 'Noise.\n')).toContain('\n\n## What it shows\n\nNoise.\n\n');
    await done(4, 2, 0.7);
    expect(objectivesReport(await gather())).toContain('| + ftm | 0.7000 |  |  | 0.7000 |  | +0.2000 |');
    const svg = objectivesChart(results);
    expect(svg.match(/<circle/g)).toHaveLength(9);
    expect(svg).toContain('xmlns="http://www.w3.org/2000/svg"');
  });
});
