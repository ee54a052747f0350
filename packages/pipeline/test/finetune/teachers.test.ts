import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Dataset } from '@wbdc/data';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readTeaching } from '../../src/node.js';
import { CATEGORIES, datasetOf, videosFrom, withoutLabels } from './data.js';

const unlabeled = withoutLabels(videosFrom(50, 11));
let root: string;
let dataset: Dataset;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'wbdc-teachers-'));
  dataset = await datasetOf(unlabeled);
  await teacher(
    'a',
    unlabeled.map((_, i) => (i % 2 === 0 ? [0.8, 0.1, 0.1] : [0.2, 0.3, 0.5])),
  );
  await teacher(
    'b',
    unlabeled.map((_, i) => (i % 2 === 0 ? [0.6, 0.2, 0.2] : [0.4, 0.3, 0.3])),
  );
});
afterAll(() => rm(root, { recursive: true }));

/** What a finetuning with predict: [unlabeled] leaves. */
async function teacher(name: string, rows: readonly number[][], categories = CATEGORIES): Promise<void> {
  const folder = join(root, name);
  await mkdir(folder, { recursive: true });
  const lines = rows.map((probabilities, i) => `${JSON.stringify({ id: unlabeled[i].id, probabilities })}\n`);
  await writeFile(join(folder, 'categories.txt'), `${categories.join('\n')}\n`);
  await writeFile(join(folder, 'unlabeled.probabilities.jsonl'), lines.join(''));
}

const SETTINGS = { weights: null, splits: ['unlabeled'], labels: 'soft' as const, minConfidence: 0, weight: 0.5 };
const said: string[] = [];
const teaching = async (own: object, classes: readonly string[] = CATEGORIES, from = ['a', 'b'], folder?: string) => {
  const settings = { ...SETTINGS, from: from.map((name) => join(root, name)), ...own };
  const observer = { onMessage: (line: string) => void said.push(line) };
  return readTeaching(settings, dataset, classes, { observer, ...(folder !== undefined && { folder }) });
};

describe('an ensemble as a teacher', () => {
  it('is named by its stage, its run, or the model in it', async () => {
    const lines = unlabeled.map(() => [0.8, 0.1, 0.1]);
    await teacher('run/finetune', lines);
    const expected = await teaching({}, CATEGORIES, ['run/finetune']);
    expect(expected).toHaveLength(unlabeled.length);
    for (const path of ['run', 'run/finetune/model', 'run/finetune/checkpoints/step-00000001']) {
      expect(await teaching({}, CATEGORIES, [path])).toEqual(expected);
    }
  });

  it('is refused where what it predicted has changed since', async () => {
    const made = { 'texts of unlabeled': 'then', 'labels of unlabeled': 'none', 'texts of labeled': 'then' };
    const keep = async (name: string, inputs: object): Promise<string> => {
      await mkdir(join(root, name), { recursive: true });
      await writeFile(join(root, name, 'stage.json'), JSON.stringify({ inputs, created: '2026-01-02T03:04:05.000Z' }));
      return join(root, name);
    };
    const rows = unlabeled.map(() => [0.8, 0.1, 0.1]);
    await teacher('old', rows);
    await keep('old', made);
    const alike = await keep('alike', { ...made, 'labels of unlabeled': 'some', 'texts of labeled': 'now' });
    expect(await teaching({}, CATEGORIES, ['old', 'a'], alike)).toHaveLength(unlabeled.length);
    const other = await keep('other', { ...made, 'texts of unlabeled': 'now' });
    await expect(teaching({}, CATEGORIES, ['a', 'old'], other)).rejects.toMatchObject({
      code: 'predictions-outdated',
      message: expect.stringMatching(/old: expected predictions of the data of .*other, got texts changed since 2026/),
    });
  });

  it('teaches the weighted mean of its probabilities', async () => {
    const examples = await teaching({ weights: [3, 1] });
    expect(examples.map(({ index, weight }) => [index, weight])).toEqual(unlabeled.map((_, i) => [i, 0.5]));
    const close = (row: unknown): number[] => [...(row as Float32Array)].map((p) => Number(p.toFixed(6)));
    expect(close(examples[0].label)).toEqual([0.75, 0.125, 0.125]);
    expect(close(examples[1].label)).toEqual([0.25, 0.3, 0.45]);
  });

  it('teaches the most probable class where asked, and leaves out what it is not sure of', async () => {
    const examples = await teaching({ labels: 'hard', minConfidence: 0.5 });
    expect(examples.map(({ index, label }) => [index, label])).toEqual([0, 2, 4, 6, 8, 10].map((index) => [index, 0]));
    expect(said.join('')).toContain('6 videos of unlabeled taught by the ensemble, 5 less sure than 0.5 left out');
  });

  it('is refused where it does not fit', async () => {
    await expect(teaching({}, CATEGORIES, ['none'])).rejects.toThrow(
      'finetune.distill.from: expected a finetune stage',
    );
    await expect(teaching({}, CATEGORIES.slice(1))).rejects.toThrow(
      'knows other categories (3) than finetune.splits have here (2)',
    );
    await expect(teaching({ splits: ['labeled'] })).rejects.toThrow(
      'has not predicted labeled: finetune that one with finetune.predict=[labeled]',
    );
    await expect(teaching({ minConfidence: 0.9 })).rejects.toThrow('expected videos as sure as 0.9, got none of 11');
    await teacher('short', [[0.8, 0.1, 0.1]]);
    await expect(teaching({}, CATEGORIES, ['a', 'short'])).rejects.toThrow(/'.*short\/unlabeled.*': |same ids/);
    await writeFile(join(root, 'short/unlabeled.probabilities.jsonl'), '{"id":"1"}\n');
    await expect(teaching({}, CATEGORIES, ['short'])).rejects.toThrow(
      /jsonl: line 1: expected a line \{id, probabilities\} of a finetune stage, got "\{\\"id\\":\\"1\\"\}"/,
    );
    await teacher(
      'logits',
      unlabeled.map(() => [2, -1, 0]),
    );
    await expect(teaching({}, CATEGORIES, ['logits'])).rejects.toThrow('expected probabilities, 0 to 1 with sum 1');
  });
});
