import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { wbdcLayout, writeAnnotations, writeFrameZip, writeLabels } from '@wbdc/data';
import { judgeCategories, readCategories, writeEmbeddings } from '@wbdc/finetune';
import { readEmbeddings } from '@wbdc/finetune/node';
import { writeCategoryScores } from '@wbdc/finetune/node';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '@wbdc/runner';
import { gatherEvidence } from '../../src/competition/evidence.js';
import { competitionPage } from '../../src/competition/page.js';
import { AIAC, BASE, SEEDS, trialEntries, trialName, TRIALS, WBDC } from '../../src/competition/plan.js';
import { aiacResults, wbdcResults } from '../../src/competition/results.js';
import { tasksOf } from '../../src/competition/tasks.js';

const ids = Array.from({ length: 11 }, (_, i) => `90000000000000000${String(i).padStart(2, '0')}`);
const CATEGORIES = ['0100', '0203'];

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'wbdc-competition-'));
  await mkdir(join(root, 'results'));
  await mkdir(join(root, 'base/data/annotations'), { recursive: true });
  const truth = ids.map((id, i) => `${id},${CATEGORIES[i % 2]}\n`);
  await writeFile(join(root, 'base/data/annotations/test_a_truth.csv'), truth.join(''));
  const names = {
    '0100': { group: { en: 'animals' }, subgroup: { en: 'cats' } },
    '0203': { group: { en: 'cars' }, subgroup: { en: 'vans' } },
  };
  await writeFile(join(root, 'base/data/categories.json'), JSON.stringify(names));
});
afterEach(() => rm(root, { recursive: true }));

async function folderOf(name: string): Promise<string> {
  const folder = join(root, name, 'finetune');
  await mkdir(folder, { recursive: true });
  return folder;
}

/** What the page shows of the held-out videos. */
async function writeVideos(): Promise<void> {
  const videos = ids.map((id, i) => ({ id, title: `猫 <${i}>`, asr: '', ocr: [] }));
  await writeAnnotations(join(root, 'base/data/annotations/test_a.json'), videos);
  const bytes = await sharp({ create: { width: 20, height: 20, channels: 3, background: 'red' } })
    .jpeg()
    .toBuffer();
  for (const id of ids)
    await writeFrameZip(wbdcLayout(join(root, 'base/data')).frameZip('test_a', id), [{ name: '0.jpg', bytes }]);
}

/** Video i lies at the angle 0.1 i, so that nearer indices are more alike; each job bends that a little. */
async function writeJobs(left: readonly string[] = ids): Promise<void> {
  for (const [job, { name }] of AIAC.entries()) {
    const folder = await folderOf(name);
    const own = job === 4 ? left : ids;
    const row = (i: number): number[] => [
      Math.cos(0.1 * i),
      Math.sin(0.1 * i) + 0.01 * Math.sin(9 * i + job),
      0.02 * Math.cos(5 * i * (job + 1)),
    ];
    await writeFile(join(folder, 'result.zip'), writeEmbeddings(new Map(own.map((id, i) => [id, row(i)]))));
    const spearman = { value: 0.5, baseline: 0.6, baselines: { 'TF-IDF, all texts': 0.6 } };
    const scores = { spearman, mse: { value: 0.1 } };
    await writeFile(join(folder, 'scores.json'), JSON.stringify(scores));
  }
  await mkdir(join(root, 'job1/finetune/aiac/test_a'), { recursive: true });
  const pairs = [1, 3, 6, 10].map((i) => ({ id1: ids[0], id2: ids[i], score: 1 - i / 20 }));
  await writeLabels(join(root, 'job1/finetune/aiac/test_a/label.tsv'), pairs);
}

describe('the AIAC half', () => {
  it('ensembles the first n jobs and writes a submission', async () => {
    await writeJobs();
    const results = await aiacResults(root, join(root, 'results'));
    expect(results.ensembles.map(({ models }) => models)).toEqual([1, 2, 3, 5, 6]);
    expect(results.ensembles[0].spearman).toBeCloseTo(results.ensembles[0].bestSingle, 12);
    expect(results.ensembles.at(-1)?.spearman).toBeCloseTo(1, 12);
    expect(results.jobs[5]).toEqual({
      ...{ name: 'job6', about: 'a quarter masked', spearman: 0.5, mse: 0.1 },
      published: { spearman: 0.886289, mse: 0.029039 },
    });
    const rows = await readEmbeddings(await readFile(join(root, 'results/result.zip')), new Set(ids));
    expect(rows.get(ids[0])).toHaveLength(3);
    expect(existsSync(join(root, 'results/ensemble.safetensors'))).toBe(true);
    expect(results.neighbours).toHaveLength(10);
    expect(results.neighbours[0].near.map(({ id }) => id)).toContain(ids[1]); // the nearest angle
    await writeVideos();
    const page = await competitionPage(
      { name: 'x<y', data: 'd', aiac: results, evidence: [], environment: {}, seconds: 61, wallSeconds: 61 },
      root,
    );
    for (const text of [
      'no model: TF-IDF, all texts',
      'needs no model has 0.6000: the ensemble is above it',
      'x&#60;y',
      'job6',
      '0.8863',
      'nearest neighbours',
      '猫 &#60;1&#62;',
      'data:image/jpeg',
      '1 min 01 s',
    ])
      expect(page).toContain(text);
    expect(page).not.toMatch(/(src|href)="(?!data:)/); // it stands alone
  });

  it('refuses a job that embedded other videos', async () => {
    await writeJobs(ids.slice(1));
    await expect(aiacResults(root, join(root, 'results'))).rejects.toThrow(`1 are missing (${ids[0]}`);
  });
});

it('pairs of unknown videos are refused', async () => {
  await writeJobs();
  await writeLabels(join(root, 'job1/finetune/aiac/test_a/label.tsv'), [{ id1: ids[0], id2: '123', score: 1 }]);
  await expect(aiacResults(root, join(root, 'results'))).rejects.toThrow("model 'job1' has a row of, got '123'");
});

describe('the WBDC half', () => {
  const write = async (name: string, probability: (i: number) => number, categories = CATEGORIES): Promise<void> => {
    const folder = await folderOf(name);
    const lines = ids.map((id, i) => JSON.stringify({ id, probabilities: [probability(i), 1 - probability(i)] }));
    await writeFile(join(folder, 'probabilities.jsonl'), `${lines.join('\n')}\n`);
    await writeFile(join(folder, 'categories.txt'), `${categories.join('\n')}\n`);
    await writeCategoryScores(join(folder, 'scores.json'), judgeCategories(CATEGORIES, CATEGORIES, CATEGORIES[0]));
  };

  it('averages probabilities: two that are unsure give way to one that is sure and right', async () => {
    await write('single', () => 0.55);
    await write('single-clip', () => 0.5);
    await write('double', () => 0.45);
    await write('pgd', (i) => (i % 2 === 0 ? 0.9 : 0.1));
    const results = await wbdcResults(root, join(root, 'results'));
    const { ensemble, models } = results;
    expect(ensemble.mean).toBe(1);
    expect(models.map(({ name }) => name)).toEqual(['single', 'single-clip', 'double', 'pgd']);
    expect(results.confusion).toEqual({
      labels: ['01', '02'],
      counts: [
        [6, 0],
        [0, 5],
      ],
    });
    const csv = await readFile(join(root, 'results/result.csv'), 'utf8');
    expect(readCategories(csv, new Set(ids)).get(ids[1])).toBe('0203');
    const page = await competitionPage(
      { name: 'x', data: 'd', wbdc: results, evidence: [], environment: {}, seconds: 1, wallSeconds: 1 },
      root,
    );
    for (const text of ['confusion of level 1', '01 animals', '0203 vans']) expect(page).toContain(text);
  });

  it('says which line of probabilities is none', async () => {
    for (const { name } of WBDC) await write(name, () => 0.5);
    await writeFile(join(root, 'double/finetune/probabilities.jsonl'), '{"id":"1","probab');
    await expect(wbdcResults(root, join(root, 'results'))).rejects.toThrow(/double.*jsonl: line 1: expected a line/);
  });

  it('refuses models of other categories', async () => {
    for (const { name } of WBDC) await write(name, () => 0.5, name === 'pgd' ? ['0100', '0204'] : CATEGORIES);
    await expect(wbdcResults(root, join(root, 'results'))).rejects.toThrow('pgd: expected the categories of single');
  });
});

it('trials are compared seed by seed with the plain one', async () => {
  const values = { plain: [0.5, 0.6, 0.7], raw: [0.4, 0.6, 0.6] } as Record<string, number[]>;
  for (const { name } of TRIALS.aiac) {
    for (const [i, seed] of SEEDS.entries()) {
      const folder = await folderOf(trialName('aiac', { name, about: '', set: [] }, seed));
      await writeFile(
        join(folder, 'scores.json'),
        JSON.stringify({ spearman: { value: (values[name] ?? [1, 1, 1])[i] } }),
      );
    }
  }
  const { trials, measure } = await gatherEvidence(root, 'aiac');
  expect(measure).toBe('held-out Spearman');
  const plain = trials.find(({ name }) => name === 'plain');
  expect(plain).toMatchObject({ mean: expect.closeTo(0.6, 12) as number, spread: expect.closeTo(0.1, 12) as number });
  expect(plain).not.toHaveProperty('gain');
  const raw = trials.find(({ name }) => name === 'raw'); // differences -0.1, 0, -0.1
  expect(raw?.gain).toBeCloseTo(-0.2 / 3, 12);
  expect(raw?.gainSpread).toBeCloseTo(Math.sqrt(1 / 300), 12);
  const evidence = [{ half: 'aiac' as const, measure, trials }];
  const page = await competitionPage(
    { name: 'x', data: 'd', evidence, environment: {}, seconds: 1, wallSeconds: 1 },
    root,
  );
  expect(page).toContain('<td>-0.0667 ± 0.0577</td>');
  expect(page).toContain('against job 1&#39;s finetuning');
  expect(page.match(/<circle/g)).toHaveLength((TRIALS.aiac.length - 1) * SEEDS.length);
});

describe('the plan', () => {
  const folder = fileURLToPath(new URL('../../configs/competition', import.meta.url));

  it('has a configuration for every entry, and all of a half read the same data and text', async () => {
    const base = await loadConfig({ path: BASE.file, folder });
    for (const half of [AIAC, WBDC]) {
      const configs = await Promise.all(half.map(({ file }) => loadConfig({ path: file, folder })));
      for (const [i, config] of configs.entries()) {
        expect([config.data, config.vocab, config.frames, config.text]).toEqual([
          base.data,
          base.vocab,
          base.frames,
          configs[0].text,
        ]);
        if (!half[i].stages.includes('clip')) expect(config.clip).toEqual(base.clip);
      }
    }
  });

  it('runs every stage after what it reads, with settings that are known', async () => {
    const tasks = tasksOf([...AIAC, ...WBDC, ...trialEntries('aiac'), ...trialEntries('wbdc')], 'runs/x');
    const names = tasks.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const [i, { needs }] of tasks.entries()) for (const need of needs) expect(names.slice(0, i)).toContain(need);
    const needs = (name: string) => tasks.find((task) => task.name === name)?.needs;
    expect(needs('job4 pretrain')).toEqual(['base features', 'job1 pretrain']);
    expect(needs('single clip')).toEqual(['base vocab']);
    expect(needs('aiac-scratch-seed2 finetune')).toEqual(['base features']);
    expect(needs('wbdc-six-seed1 finetune')).toEqual(['base features', 'wbdc-six pretrain']);
    expect(needs('wbdc-distill-seed2 finetune')).toEqual([
      'base features',
      'single-clip pretrain',
      ...SEEDS.map((seed) => `wbdc-plain-seed${seed} finetune`),
    ]);
    for (const { config, set } of tasks) await loadConfig({ path: config, folder, set });
  });
});
