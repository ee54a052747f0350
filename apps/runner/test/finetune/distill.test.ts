import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openDataset, openFeatureStore, readAnnotations, type Dataset } from '@wbdc/data';
import { loadTokenizer } from '@wbdc/tokenizer/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runFinetuneStage } from '../../src/stages/finetune/finetune.js';
import { readTeaching } from '../../src/stages/finetune/teachers.js';
import { CATEGORIES, makeWorld, unlabeled, type World } from './world.js';

let world: World;
let dataset: Dataset;
beforeAll(async () => {
  world = await makeWorld();
  dataset = await openDataset({
    videos: readAnnotations(join(world.folder, 'data/annotations/unlabeled.json')),
    features: await openFeatureStore(join(world.run.folderOf('features'), 'unlabeled.zip')),
    tokenizer: await loadTokenizer(world.run.folderOf('vocab')),
    layout: { fields: ['title'], budget: 8, separatorFirst: false },
  });
  await teacher(
    'a',
    unlabeled.map((_, i) => (i % 2 === 0 ? [0.8, 0.1, 0.1] : [0.2, 0.3, 0.5])),
  );
  await teacher(
    'b',
    unlabeled.map((_, i) => (i % 2 === 0 ? [0.6, 0.2, 0.2] : [0.4, 0.3, 0.3])),
  );
});
afterAll(() => world.remove());

/** What a finetune stage with finetune.predict=[unlabeled] leaves. */
async function teacher(name: string, rows: readonly number[][], categories = CATEGORIES): Promise<void> {
  const folder = join(world.folder, 'teachers', name);
  await mkdir(folder, { recursive: true });
  const lines = rows.map((probabilities, i) => `${JSON.stringify({ id: unlabeled[i].id, probabilities })}\n`);
  await writeFile(join(folder, 'categories.txt'), `${categories.join('\n')}\n`);
  await writeFile(join(folder, 'unlabeled.probabilities.jsonl'), lines.join(''));
}

const SETTINGS = {
  from: ['teachers/a', 'teachers/b'],
  weights: null,
  splits: ['unlabeled'],
  labels: 'soft' as const,
  minConfidence: 0,
  weight: 0.5,
};
const teaching = async (own: object, classes: readonly string[] = CATEGORIES) =>
  readTeaching(await world.context('student'), { ...SETTINGS, ...own }, dataset, classes);

describe('an ensemble as a teacher', () => {
  it('teaches the weighted mean of its probabilities', async () => {
    const lessons = await teaching({ weights: [3, 1] });
    expect(lessons.map(({ index, weight }) => [index, weight])).toEqual(unlabeled.map((_, i) => [i, 0.5]));
    const close = (row: unknown): number[] => [...(row as Float32Array)].map((p) => Number(p.toFixed(6)));
    expect(close(lessons[0].label)).toEqual([0.75, 0.125, 0.125]);
    expect(close(lessons[1].label)).toEqual([0.25, 0.3, 0.45]);
  });

  it('teaches the most probable class where asked, and leaves out what it is not sure of', async () => {
    const lessons = await teaching({ labels: 'hard', minConfidence: 0.5 });
    expect(lessons.map(({ index, label }) => [index, label])).toEqual([0, 2, 4, 6, 8, 10].map((index) => [index, 0]));
    expect(world.said.join('')).toContain(
      '6 videos of unlabeled taught by the ensemble, 5 less sure than 0.5 left out',
    );
  });

  it('is refused where it does not fit', async () => {
    await expect(teaching({ from: ['teachers/none'] })).rejects.toThrow(
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
    await expect(teaching({ from: ['teachers/a', 'teachers/short'] })).rejects.toThrow(
      /'.*short\/unlabeled.*': |same ids/,
    );
    await writeFile(join(world.folder, 'teachers/short/unlabeled.probabilities.jsonl'), '{"id":"1"}\n');
    await expect(teaching({ from: ['teachers/short'] })).rejects.toThrow(
      /jsonl: line 1: expected a line \{id, probabilities\} of a finetune stage, got "\{\\"id\\":\\"1\\"\}"/,
    );
    await teacher(
      'logits',
      unlabeled.map(() => [2, -1, 0]),
    );
    await expect(teaching({ from: ['teachers/logits'] })).rejects.toThrow('expected probabilities, 0 to 1 with sum 1');
  });
});

describe('a student', () => {
  it('learns from labelled and taught videos, of a teacher as the stage leaves it', async () => {
    const teacherStage = await world.context('teacher', ['finetune.predict=[unlabeled]']);
    await runFinetuneStage(teacherStage);
    const distill = 'finetune.distill={from: [run/teacher], weight: 2}';
    const stage = await world.context('taught', [distill]);
    world.said.length = 0;
    const { status, summary } = await runFinetuneStage(stage);
    expect(status).toBe('complete');
    expect(summary['labelled videos']).toBe(13);
    expect(world.said.join('')).toContain('training');
    expect(world.said.join('')).toContain('on 24 videos');
    const alone = await world.context('alone');
    await runFinetuneStage(alone);
    expect(await world.read(stage, 'probabilities.jsonl')).not.toBe(await world.read(alone, 'probabilities.jsonl'));
  });

  it('names settings that do not go together', async () => {
    await expect(world.context('x', ['finetune.distill={from: [a, b], weights: [1]}'])).rejects.toThrow(
      'expected one for each of finetune.distill.from (2), got 1',
    );
    const stage = await world.context('x', ['finetune.distill={from: [run/teacher], splits: [other]}']);
    await expect(runFinetuneStage(stage)).rejects.toThrow(
      "finetune.distill.splits: expected some of data.trainSplits (unlabeled, labeled), got 'other'",
    );
  });
});
