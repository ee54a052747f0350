import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeLabels } from '@wbdc/data';
import { readCategories, readEmbeddings, writeEmbeddings } from '@wbdc/finetune';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.js';
import { competitionPage } from '../../src/competition/page.js';
import { AIAC, BASE, WBDC } from '../../src/competition/plan.js';
import { aiacResults, wbdcResults } from '../../src/competition/results.js';

const ids = Array.from({ length: 11 }, (_, i) => `90000000000000000${String(i).padStart(2, '0')}`);
const CATEGORIES = ['0100', '0203'];

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'wbdc-competition-'));
  await mkdir(join(root, 'results'));
  await mkdir(join(root, 'base/data/annotations'), { recursive: true });
  const truth = ids.map((id, i) => `${id},${CATEGORIES[i % 2]}\n`);
  await writeFile(join(root, 'base/data/annotations/test_a_truth.csv'), truth.join(''));
});
afterEach(() => rm(root, { recursive: true }));

async function folderOf(name: string): Promise<string> {
  const folder = join(root, name, 'finetune');
  await mkdir(folder, { recursive: true });
  return folder;
}

/** Video i lies at the angle 0.1 i, so that nearer indices are more alike; each job bends that a little. */
async function writeJobs(left: readonly string[] = ids): Promise<void> {
  for (const [job, { name }] of AIAC.entries()) {
    const folder = await folderOf(name);
    const own = job === 4 ? left : ids;
    const row = (i: number): number[] => [Math.cos(0.1 * i), Math.sin(0.1 * i) + 0.01 * Math.sin(9 * i + job), 0.02 * Math.cos(5 * i * (job + 1))]; // prettier-ignore
    await writeFile(join(folder, 'result.zip'), writeEmbeddings(new Map(own.map((id, i) => [id, row(i)]))));
    const scores = { spearman: { value: 0.5 }, mse: { value: 0.1 } };
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
      ...{ name: 'job6', spearman: 0.5, mse: 0.1 },
      published: { spearman: 0.886289, mse: 0.029039 },
    });
    const rows = readEmbeddings(await readFile(join(root, 'results/result.zip')), new Set(ids));
    expect(rows.get(ids[0])).toHaveLength(3);
    expect(existsSync(join(root, 'results/ensemble.safetensors'))).toBe(true);
    const page = competitionPage({ name: 'x<y', aiac: results, seconds: 61 });
    for (const text of ['x&#60;y', 'job6', '0.8863', 'Gain of the ensemble', '1 min 01 s'])
      expect(page).toContain(text);
  });

  it('refuses a job that embedded other videos', async () => {
    await writeJobs(ids.slice(1));
    await expect(aiacResults(root, join(root, 'results'))).rejects.toThrow(`1 are missing (${ids[0]}`);
  });
});

describe('the WBDC half', () => {
  const write = async (name: string, probability: (i: number) => number, categories = CATEGORIES): Promise<void> => {
    const folder = await folderOf(name);
    const lines = ids.map((id, i) => JSON.stringify({ id, probabilities: [probability(i), 1 - probability(i)] }));
    await writeFile(join(folder, 'probabilities.jsonl'), `${lines.join('\n')}\n`);
    await writeFile(join(folder, 'categories.txt'), `${categories.join('\n')}\n`);
    await writeFile(join(folder, 'scores.json'), JSON.stringify({ score: { mean: 0.3 }, baseline: { mean: 0.1 } }));
  };

  it('averages probabilities: two that are unsure give way to one that is sure and right', async () => {
    await write('single', () => 0.55);
    await write('double', () => 0.45);
    await write('pgd', (i) => (i % 2 === 0 ? 0.9 : 0.1));
    const { ensemble, models } = await wbdcResults(root, join(root, 'results'));
    expect(ensemble.mean).toBe(1);
    expect(models.map(({ name }) => name)).toEqual(['single', 'double', 'pgd']);
    const csv = await readFile(join(root, 'results/result.csv'), 'utf8');
    expect(readCategories(csv, new Set(ids)).get(ids[1])).toBe('0203');
  });

  it('refuses models of other categories', async () => {
    for (const { name } of WBDC) await write(name, () => 0.5, name === 'pgd' ? ['0100', '0204'] : CATEGORIES);
    await expect(wbdcResults(root, join(root, 'results'))).rejects.toThrow('pgd: expected the categories of single');
  });
});

it('every entry has a configuration, and all of a half read the same data and text', async () => {
  const folder = fileURLToPath(new URL('../../configs/competition', import.meta.url));
  const base = await loadConfig({ path: BASE.file, folder });
  for (const half of [AIAC, WBDC]) {
    const configs = await Promise.all(half.map(({ file }) => loadConfig({ path: file, folder })));
    for (const config of configs) expect([config.data, config.vocab, config.clip, config.frames, config.text]).toEqual([base.data, base.vocab, base.clip, base.frames, configs[0].text]); // prettier-ignore
  }
});
