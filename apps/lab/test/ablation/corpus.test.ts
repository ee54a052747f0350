import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '@wbdc/runner';
import { Output } from '@wbdc/runner/cli';
import { ablationTrials, type Ablation } from '../../src/ablation/plan.js';
import type { AblationResults } from '../../src/ablation/results.js';
import { runAblation } from '../../src/ablation/run.js';
import { runOf, stageTasks, textRunOf, trialsOf, type Ladder } from '../../src/objectives/plan.js';
import { runCommandLine } from '../../src/program.js';
import { TestHost } from '../host.js';

const ABLATION: Ablation = { axes: ['corpus'], epochs: 3, width: 64 };
const LADDER: Ladder = {
  ...{ upTo: 3, start: 'text', probes: ['similarity'], words: '--probe similarity' },
  ...{ data: ['data.set=text'], corpus: ['corpus_near'] },
};
const SHARES = [1, 0.25, 0.0625];

describe('the trials of the corpus', () => {
  it('see no video before finetuning, and the text of the other axes stands beside', () => {
    expect(ablationTrials(['single'], 1, ABLATION, LADDER).map((trial) => runOf(trial).name)).toEqual([
      'single-0-none-seed1',
      ...SHARES.map((share) => `single-0-text-none-corpus${share}-seed1`),
      'single-0-text-none-seed1',
    ]);
  });

  it('read each share once for all seeds and models, in the vocabulary of the base', async () => {
    const tasks = stageTasks(ablationTrials(['single', 'double'], 2, ABLATION, LADDER), 'runs/x', LADDER);
    const names = tasks.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    const texts = SHARES.map((share) => `base-corpus${share} text`);
    expect(names.filter((name) => name.endsWith(' text'))).toEqual(['base text', ...texts]);
    const of = (name: string) => tasks.find((task) => task.name === name)!;
    const config = async (name: string) => loadConfig({ folder: '.', path: of(name).config, set: of(name).set });
    expect(of('base-corpus vocab').needs).toEqual(['base features']);
    expect((await config('base-corpus vocab')).vocab.folder).toBe(join('runs/x', 'base', 'vocab'));
    expect((await config('base-corpus vocab')).run.base).toEqual(['base']);
    expect(of('base-corpus0.25 text').needs).toEqual(['base-corpus vocab']);
    const read = await config('base-corpus0.25 text');
    expect(read.run.base).toEqual(['base-corpus', 'base']);
    expect([read.seed, read.model.width]).toEqual([1, 64]);
    expect(read.corpus).toMatchObject({ splits: ['corpus'], train: { share: 0.25, epochs: 1 } });
    for (const model of ['single', 'double']) {
      const probe = `${model}-0-text-none-corpus0.25-seed2-pairs finetune`;
      expect(of(probe).needs).toEqual(['base-corpus0.25 text']);
      const { run, seed, finetune, corpus, vocab } = await config(probe);
      expect(run.base).toEqual(['base-corpus0.25', 'base-corpus', 'base']);
      expect([seed, finetune.init, finetune.kind]).toEqual([2, 'text', 'similarity']);
      expect({ corpus, vocab }).toEqual({ corpus: read.corpus, vocab: read.vocab });
    }
    // The middle's text is of the model's width too.
    const near = await config('base text');
    expect(near.corpus).toMatchObject({ splits: ['corpus_near'], train: { share: 1, epochs: 8 } });
    expect(near.model.width).toBe(64);
  });

  it('are what the objectives start from where a share is asked for', async () => {
    const trials = trialsOf(['single'], 1, { ...LADDER, share: 1 });
    const tasks = stageTasks(trials, 'runs/x', LADDER);
    expect(tasks.filter(({ stage }) => stage === 'text').map(({ name }) => name)).toEqual(['base-corpus1 text']);
    const last = tasks.find(({ name }) => name === 'single-3-text-mfm-corpus1-seed1 pretrain')!;
    expect(last.needs).toEqual(['base-corpus1 text']);
    const { run, corpus } = await loadConfig({ folder: '.', path: last.config, set: last.set });
    expect(run.base).toEqual(['base-corpus1', 'base-corpus', 'base']);
    expect(corpus).toMatchObject({ start: true, splits: ['corpus'], train: { share: 1, epochs: 1 } });
    const host = new TestHost(tmpdir());
    for (const wrong of ['0', '1.5', 'all']) {
      expect(
        await runCommandLine(['objectives', '--data', 'text', '--corpus', wrong], host, () => Promise.resolve(0)),
      ).toBe(2);
      expect(host.err).toContain(`expected a share, more than 0 and at most 1, got '${wrong}'`);
    }
    expect(await runCommandLine(['objectives', '--corpus', '1'], host, () => Promise.resolve(0))).toBe(1);
    expect(host.err).toContain('--corpus: expected --data ');
  });

  it('need a corpus, and nothing that all get undoes them', async () => {
    const host = new TestHost(tmpdir());
    const ran: string[] = [];
    const startChild = ({ args }: { args: readonly string[] }): Promise<number> => {
      ran.push(`${args[args.indexOf('--name') + 1]} ${args[0]}`);
      return Promise.resolve(0);
    };
    const run = (...args: string[]) =>
      runCommandLine(['ablation', '--seeds', '1', '--probe', 'similarity', ...args], host, startChild);
    expect(await run('--axis', 'corpus', '--data', 'demo')).toBe(1);
    expect(host.err).toContain(
      "--axis corpus: expected --data 'text', 'large' or a folder with annotations/corpus.json, got --data demo, " +
        'which has no corpus',
    );
    expect(await run('--axis', 'corpus', '--set', 'corpus.train.share=0.5')).toBe(1);
    expect(host.err).toContain('--set: expected nothing that --axis corpus varies, got corpus.train.share=0.5');
    expect(ran).toEqual([]);
    expect(await run('--data', 'demo')).toBe(0); // all axes that these data have
    expect(ran.some((name) => name.includes('corpus'))).toBe(false);
    ran.length = 0;
    expect(await run('--axis', 'corpus', '--data', 'text')).toBe(0);
    expect(ran.some((name) => name.includes('pretrain'))).toBe(false);
    expect(ran).toContain('single-0-text-none-corpus1-seed1-pairs finetune');
  });
});

describe('the results of the corpus', () => {
  let root: string;
  beforeEach(async () => (root = await mkdtemp(join(tmpdir(), 'wbdc-corpus-'))));
  afterEach(() => rm(root, { recursive: true }));

  async function record(run: string, stage: string, summary: object, settings: object = {}): Promise<void> {
    const path = join(root, 'runs/ablation', run, stage, 'stage.json');
    await mkdir(dirname(path), { recursive: true });
    const made = { fingerprint: 'f', upstream: {}, created: '2026-01-01', seconds: 10, environment: {} };
    await writeFile(path, JSON.stringify({ stage, status: 'complete', settings, summary, ...made }));
  }

  it('are what general text alone gives by share, beside the text of the other axes', async () => {
    const { axes, ...middle } = ABLATION;
    const ablation: Ablation = { axes: ['epochs', ...axes], ...middle };
    for (const trial of ablationTrials(['single'], 2, ablation, LADDER)) {
      const { objectives, text, seed, point } = trial;
      const gain = objectives > 0 ? 0.5 : !text ? 0 : (point?.value ?? 2) / 50;
      const measured = { spearman: 0.6 + seed / 100 + gain * seed, 'spearman baseline': 0.65 };
      const settings = { finetune: { kind: 'similarity' } };
      await record(runOf(trial, 'similarity').name, 'finetune', { measured }, settings);
      const read = textRunOf(trial);
      if (read === undefined) continue;
      const { value: share } = point ?? { value: 8 };
      const learned = { 'mlm/accuracy': share / 10, 'mlm/accuracy baseline': 0.09 };
      const corpus = { splits: [point ? 'corpus' : 'corpus_near'], train: { epochs: point ? 1 : 8 } };
      const summary = { parameters: 4321, step: 1000 * share, measured: learned };
      await record(read.name, 'text', summary, { corpus });
    }
    const host = new TestHost(root);
    const options = { name: 'ablation', jobs: 1, set: [], models: ['single'], seeds: 2, out: 'reports' } as const;
    const { signal } = new AbortController();
    const all = { ...options, ablation, ladder: LADDER };
    expect(await runAblation(all, new Output(host, { json: true }), signal, () => Promise.resolve(0))).toBe(0);
    const { results } = JSON.parse(host.out) as { results: AblationResults };
    const curve = results.curves.find(({ axis }) => axis === 'corpus')!;
    expect(curve.rows.map(({ value, gain }) => [value, gain.mean])).toEqual(
      [0.0625, 0.25, 1].map((share) => [share, expect.closeTo((share / 50) * 1.5, 10)]),
    );
    expect(curve.beside).toMatchObject({ name: 'corpus_near, 8 times', gain: { mean: expect.closeTo(0.06, 10) } });
    expect(results.curves.find(({ axis }) => axis === 'epochs')!.rows[0].gain.mean).toBeCloseTo(0.75, 10);
    const report = await readFile(join(root, 'reports/ablation.md'), 'utf8');
    expect(report).toContain('| share of the corpus | no pretraining | general text | gain | steps |');
    expect(report).toContain('| 0.25 | 0.6150 | 0.6225 | +0.0075 ± 0.0025 | 250 | 4,321 | 0.025 |');
    expect(report).toContain('| corpus_near, 8 times | 0.6150 | 0.6750 | +0.0600 ± 0.0200 | 8000 | 4,321 | 0.800 |');
    expect(report).toContain('| ignoring the input |  |  |  |  |  | 0.090 |');
    const svg = await readFile(join(root, 'reports/ablation-corpus.svg'), 'utf8');
    expect(svg).toContain('corpus_near, 8 times');
    expect(svg.match(/<circle/g)).toHaveLength(6);
  });
});
