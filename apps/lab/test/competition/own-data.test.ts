import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeLabels } from '@wbdc/data';
import { writeEmbeddings } from '@wbdc/finetune';
import type { ChildOptions } from '../../src/jobs/child.js';
import { loadConfig } from '@wbdc/runner';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { competitionResults } from '../../src/competition/gather.js';
import { baseFor, dataSettings, entriesFor, halvesFor, type OwnData } from '../../src/competition/own-data.js';
import { competitionPage } from '../../src/competition/page.js';
import { trialEntries, WBDC, AIAC } from '../../src/competition/plan.js';
import { tasksOf } from '../../src/competition/tasks.js';
import { runCommandLine } from '../../src/program.js';
import { TestHost } from '../host.js';

let root: string;
beforeEach(async () => void (root = await mkdtemp(join(tmpdir(), 'wbdc-own-'))));
afterEach(() => rm(root, { recursive: true }));

const records = { folder: '/data/qq', layout: 'aiac' } satisfies OwnData;
const videos = { folder: '/data/wx', layout: 'wbdc' } satisfies OwnData;
const read: OwnData = { layout: 'embedded', set: 'text' };
const paired = { ...videos, pairs: { train: '/p/train.tsv', heldOut: '/p/a, b.tsv' } } satisfies OwnData;

describe('data of your own', () => {
  it('can be used for what it has: categories, or scored pairs', () => {
    expect(halvesFor(undefined, 'both')).toEqual(['aiac', 'wbdc']);
    expect(halvesFor(records, 'both')).toEqual(['aiac']);
    expect(halvesFor(videos, 'both')).toEqual(['wbdc']);
    expect(halvesFor(paired, 'both')).toEqual(['aiac', 'wbdc']);
    expect(halvesFor(paired, 'aiac')).toEqual(['aiac']);
    expect(() => halvesFor(videos, 'aiac')).toThrow('expected scored pairs for similarity, got none: name them with');
    expect(() => halvesFor(records, 'wbdc')).toThrow('expected a data set with categories, got none');
  });

  it.each([
    ['records', records],
    ['videos', paired],
  ])('of %s give every stage settings that are known, and what each reads comes before', async (_, own) => {
    const halves = halvesFor(own, 'both');
    const entries = halves.flatMap((half) => [...entriesFor(own, half), ...trialEntries(half)]);
    const tasks = tasksOf(entries, 'runs/x', baseFor(own));
    const names = tasks.map(({ name }) => name);
    for (const [i, { needs }] of tasks.entries()) for (const need of needs) expect(names.slice(0, i)).toContain(need);
    const folder = fileURLToPath(new URL('../../configs/competition', import.meta.url));
    for (const { config: path, set, run, stage } of tasks) {
      const config = await loadConfig({ path, folder, set: [...set, ...dataSettings(own)] });
      expect(config.data).toMatchObject({ folder: own.folder, layout: own.layout });
      const known = [...config.data.trainSplits, ...config.data.heldOutSplits];
      expect(known, `${run} ${stage}`).toEqual(expect.arrayContaining(config.train.splits ?? []));
      if (stage === 'finetune') expect(config.data.trainSplits).toEqual(expect.arrayContaining(config.finetune.splits));
    }
    expect(names.includes('base features')).toBe(own.layout === 'wbdc');
  });

  it('embedded with a corpus have it read before both halves, but by the job that goes on from another', async () => {
    expect(halvesFor(read, 'both')).toEqual(['aiac', 'wbdc']);
    const tasks = tasksOf(
      [...entriesFor(read, 'aiac'), ...entriesFor(read, 'wbdc')],
      'r',
      baseFor(read),
      dataSettings(read),
    );
    const needs = (name: string) => tasks.find((task) => task.name === name)?.needs;
    expect(needs('base text')).toEqual(['base features']);
    expect(needs('job1 pretrain')).toEqual(['base text']);
    expect(needs('job4 pretrain')).toEqual(['base text', 'job1 pretrain']);
    expect(needs('single clip')).toEqual(['base vocab', 'base text']);
    const folder = fileURLToPath(new URL('../../configs/competition', import.meta.url));
    for (const { config: path, set, name } of tasks) {
      const { data, corpus, text, train } = await loadConfig({ path, folder, set });
      expect([data.set, text.fields.length, corpus?.start], name).toEqual(['text', 3, !name.startsWith('job4')]);
      expect(train.rules, name).toMatchObject([{ pattern: 'encoder.bert.**' }]);
    }
  });

  it('are named to the stages by the command', async () => {
    const seen: string[] = [];
    const startChild = async ({ args }: ChildOptions): Promise<number> => {
      seen.push(args.join(' '));
      return 1;
    };
    const host = new TestHost(root);
    const args = ['competition', '--data', 'qq', '--layout', 'aiac', '--no-evidence'];
    expect(await runCommandLine(args, host, startChild)).toBe(1);
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatch(/^data .*--set data\.folder=\/.*\/qq --set data\.layout=aiac/);
    const wrong = new TestHost(root);
    expect(await runCommandLine(['competition', '--data', 'wx', '--half', 'aiac'], wrong, startChild)).toBe(1);
    expect(wrong.err).toContain('expected scored pairs for similarity');
    for (const [given, message] of [
      ['--pairs none.tsv', '--pairs: expected --data <folder> with it, got the embedded data'],
      ['--data wx --held-out-pairs none.tsv', '--held-out-pairs: expected --pairs <file> with it, got none'],
      ['--data wx --pairs none.tsv', '--pairs: expected a file, got none at none.tsv'],
    ]) {
      const host = new TestHost(root);
      expect(await runCommandLine(['competition', ...given.split(' ')], host, startChild)).toBe(1);
      expect(host.err).toContain(message);
    }
    expect(seen).toHaveLength(1);
  });
});

const ids = Array.from({ length: 6 }, (_, i) => `1000${i}`);

describe('results', () => {
  const gathering = () => ({ name: 'x', root, folder: join(root, 'results'), trials: [], wallSeconds: 1 });
  beforeEach(async () => {
    for (const [m, { name }] of [...AIAC, ...WBDC].entries()) {
      const folder = join(root, name, 'finetune');
      await mkdir(folder, { recursive: true });
      const row = (i: number): number[] => [Math.sin(i + m), Math.cos(2 * i + m), Math.sin(3 * i * (m + 1))];
      await writeFile(join(folder, 'result.zip'), writeEmbeddings(new Map(ids.map((id, i) => [id, row(i)]))));
      await writeFile(join(folder, 'categories.txt'), '0100\n0203\n');
      const lines = ids.map((id, i) =>
        JSON.stringify({ id, probabilities: i % 2 === 0 ? [0.75, 0.25] : [0.25, 0.75] }),
      );
      await writeFile(join(folder, 'probabilities.jsonl'), lines.join('\n'));
      await writeFile(join(folder, 'scores.json'), JSON.stringify({ spearman: { value: 0.5 } }));
    }
    await mkdir(join(root, 'results'));
    await mkdir(join(root, 'base/data/annotations'), { recursive: true });
    const texts = ids.map((id) => ({ id, title: `title ${id}`, asr: '', ocr: [] }));
    await writeFile(join(root, 'base/data/annotations/test_a.json'), JSON.stringify(texts));
  });

  it('of official data, whose test labels nobody has, are submissions without a score', async () => {
    const warnings: string[] = [];
    const own: OwnData = { folder: join(root, 'wx'), layout: 'wbdc' };
    const onWarning = (line: string): void => void warnings.push(line);
    const results = await competitionResults({ ...gathering(), halves: ['wbdc'], own, onWarning });
    expect(results.wbdc).toBeUndefined();
    expect(warnings).toEqual([expect.stringContaining('no categories of the held-out videos are known')]);
    expect(await readFile(join(root, 'results/result.csv'), 'utf8')).toContain(`${ids[1]},0203`);
    const qq: OwnData = { folder: join(root, 'qq'), layout: 'aiac' };
    const similar = await competitionResults({ ...gathering(), halves: ['aiac'], own: qq });
    expect(similar.aiac!.ensembles.at(-1)!.spearman).toBeNaN();
    expect(existsSync(join(root, 'results/result.zip'))).toBe(true);
    const page = await competitionPage(similar, root, qq);
    expect(page).toContain(`the competition on ${qq.folder}`);
    expect(page).toContain('title 10000'); // records have no pictures to show
  });

  it('of labelled data are measured on what is named', async () => {
    const heldOut = join(root, 'pairs.tsv');
    await writeLabels(
      heldOut,
      [1, 2, 3].map((i) => ({ id1: ids[0], id2: ids[i], score: i / 10 })),
    );
    const own: OwnData = { folder: join(root, 'wx'), layout: 'wbdc', pairs: { train: 'x', heldOut } };
    await mkdir(join(root, 'wx/annotations'), { recursive: true });
    await writeFile(join(root, 'wx/annotations/test_a.json'), '[]');
    const { aiac } = await competitionResults({ ...gathering(), halves: ['aiac'], own });
    expect(Math.abs(aiac!.ensembles[0].spearman)).toBeLessThanOrEqual(1);
  });
});
