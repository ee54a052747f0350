import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readCategories } from '@wbdc/finetune';
import { readEmbeddings } from '@wbdc/finetune/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StageContext } from '../../src/run/stage.js';
import { runFinetuneStage } from '../../src/stages/finetune/finetune.js';
import { CATEGORIES, heldOut, labeled, makeWorld, type World } from './world.js';

let world: World;
beforeAll(async () => void (world = await makeWorld()));
afterAll(() => world.remove());
const context = (stage: string, set?: string[]): Promise<StageContext> => world.context(stage, set);

describe('category finetuning', () => {
  it('learns, measures beside what needs no model, and predicts every held-out video', async () => {
    const stage = await context('category', ['finetune.ema=0.5', 'finetune.adversarial.kind=fgm', 'finetune.rDrop=1']);
    const { status, summary } = await runFinetuneStage(stage);
    expect(status).toBe('complete');
    // The title tells the category: whoever looks at the nearest one is right.
    expect(summary['measured']).toMatchObject({ 'score baseline': 1, 'score baseline: nearest by TF-IDF, titles': 1 });
    expect(summary['held-out score']).toMatch(/BELOW the baseline 1.00: nearest by TF-IDF, titles|^1.00 /);
    const result = await readFile(join(stage.folder, 'result.csv'), 'utf8');
    const predicted = readCategories(result, new Set(heldOut.map(({ id }) => id)), new Set(CATEGORIES));
    expect(predicted.size).toBe(7);
    expect(world.said.join('')).toContain('1 label of held-out videos that are not there: not counted');
    const scores = JSON.parse(await readFile(join(stage.folder, 'scores.json'), 'utf8')) as Record<string, unknown>;
    expect(scores).toMatchObject({ videos: 7, majority: '0100', confusionByLevel1: { labels: ['01', '02'] } });
    // Of 0100, 0101, 0203 times 3, 2, 2: always 0100 has micro-F1 5/7 and 3/7, macro-F1 (10/12)/2 and (6/10)/3.
    expect(Object.keys(scores['baselines'] as object)).toEqual([
      'the most frequent category',
      'nearest by TF-IDF, titles',
      'nearest by TF-IDF, all texts',
      'nearest by frame features',
    ]);
    expect(scores['baseline']).toMatchObject({
      level1Micro: 5 / 7,
      level2Micro: 3 / 7,
      level1Macro: 5 / 12,
      level2Macro: expect.closeTo(0.2) as number,
    });
    const rows = (await readFile(join(stage.folder, 'probabilities.jsonl'), 'utf8')).trim().split('\n');
    for (const row of rows) {
      const { probabilities } = JSON.parse(row) as { probabilities: number[] };
      expect(probabilities.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 4);
    }
  });

  it('measures on a stratified fold and says which rule a single video follows', async () => {
    const stage = await context('folds', ['finetune.folds=3', 'finetune.fold=1']);
    const { summary } = await runFinetuneStage(stage);
    expect(Number(summary['labelled videos'])).toBeGreaterThanOrEqual(8);
    const scores = JSON.parse(await readFile(join(stage.folder, 'scores.json'), 'utf8')) as { videos: number };
    expect(scores.videos + Number(summary['labelled videos'])).toBe(13);
  });

  it('refuses videos that are all of one category', async () => {
    const path = join(world.folder, 'data/annotations/labeled.json');
    const before = await readFile(path, 'utf8');
    try {
      await writeFile(path, before.replaceAll(/"category_id": ?"\d{4}"/g, '"category_id":"0100"'));
      await expect(runFinetuneStage(await context('one'))).rejects.toThrow(
        'finetune.splits: expected videos of two categories or more, got 13 of 0100 alone',
      );
    } finally {
      await writeFile(path, before);
    }
  });

  it('refuses a split that has no features, and a pattern that matches nothing', async () => {
    await expect(runFinetuneStage(await context('x', ['finetune.splits=[other]']))).rejects.toThrow(
      "finetune.splits: expected some of data.trainSplits (unlabeled, labeled), got 'other'",
    );
    const rule = 'finetune.rules=[{pattern: "encoder.brt.**", learningRate: 0.1}]';
    await expect(runFinetuneStage(await context('x', [rule]))).rejects.toThrow("'encoder.brt.**'");
  });
});

describe('similarity finetuning', () => {
  const write = (name: string, lines: string[]): Promise<void> =>
    writeFile(join(world.folder, name), lines.map((line) => `${line}\n`).join(''));
  const pair = (list: readonly { id: string }[], a: number, b: number, score: number): string =>
    `${list[a].id}\t${list[b].id}\t${score}`;

  it('measures pairs of unseen videos, and embeds every held-out one', async () => {
    const lines = labeled.flatMap((_, a) => [1, 2, 3].map((d) => pair(labeled, a, (a + d) % 13, (a + d) / 20)));
    await write('train.tsv', lines);
    await write('test.tsv', [pair(heldOut, 0, 3, 0.9), pair(heldOut, 1, 2, 0.1), pair(heldOut, 4, 5, 0.3)]);
    const pairs = 'finetune.pairs={train: train.tsv, heldOut: test.tsv}';
    const stage = await context('similarity', ['finetune.kind=similarity', 'finetune.share=0.5', pairs]);
    const { summary } = await runFinetuneStage(stage);
    const names = Object.keys(summary['measured'] as object);
    expect(names).toEqual(expect.arrayContaining(['spearman', 'mse', 'mse baseline', 'validation/spearman']));
    const letters = ['characters in common', 'TF-IDF'].flatMap((how) => [`${how}, titles`, `${how}, all texts`]);
    const expected = [...letters, 'frame features'].map((name) => `spearman baseline: ${name}`);
    expect(names.filter((name) => name.startsWith('spearman baseline: ')).sort()).toEqual(expected.sort());
    const zip = await readFile(join(stage.folder, 'result.zip'));
    const rows = await readEmbeddings(zip, new Set(heldOut.map(({ id }) => id)));
    expect([...rows.values()].map(({ length }) => length)).toEqual(Array.from({ length: 7 }, () => 4));
  });

  it('does not measure where all held-out pairs have one score, and says so', async () => {
    await write('varied.tsv', [pair(labeled, 0, 1, 0.5), pair(labeled, 2, 3, 0.1), pair(labeled, 4, 5, 0.1)]);
    await write('constant.tsv', [pair(heldOut, 0, 3, 0.2), pair(heldOut, 1, 2, 0.2)]);
    const set = ['finetune.kind=similarity', 'finetune.share=0'];
    const pairs = 'finetune.pairs={train: varied.tsv, heldOut: constant.tsv}';
    const { summary } = await runFinetuneStage(await context('constant', [...set, pairs]));
    expect(Object.keys((summary['measured'] ?? {}) as object)).not.toContain('spearman');
    expect(world.said.join('')).toContain(
      'all 2 held-out pairs have the score 0.2; of constant scores Spearman is undefined',
    );
    const best = await context('constant-best', [...set, pairs, 'finetune.averageBest=2']);
    await expect(runFinetuneStage(best)).rejects.toThrow('expected pairs to choose the best by, got none');
  });

  it('refuses pairs of unknown videos and constant labels', async () => {
    const set = ['finetune.kind=similarity', 'finetune.share=0', 'finetune.pairs={train: bad.tsv}'];
    await write('bad.tsv', [pair(labeled, 0, 1, 0.5), `${labeled[0].id}\t999999\t0.5`]);
    await expect(runFinetuneStage(await context('bad', set))).rejects.toThrow(/at most 0\.1 % bad pairs, got 1 of 2/);
    await write('bad.tsv', [pair(labeled, 0, 1, 0.5), pair(labeled, 2, 1, 0.5)]);
    await expect(runFinetuneStage(await context('bad', set))).rejects.toThrow(
      'different scores, got 0.5 for all 2 pairs',
    );
  });
});
