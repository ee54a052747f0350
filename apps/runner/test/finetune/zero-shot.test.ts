import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runPretrainStage } from '../../src/stages/pretrain.js';
import { heldOut, labeled, makeWorld, type World } from './world.js';

let world: World;
beforeAll(async () => void (world = await makeWorld()));
afterAll(() => world.remove());

it('the pretrain stage measures what its embeddings tell of pairs, beside what letters tell', async () => {
  const pair = (list: readonly { id: string }[], a: number, b: number): string =>
    `${list[a].id}\t${list[b].id}\t${a % 3 === b % 3 ? 0.9 : 0.1 + a / 50}\n`;
  const write = (name: string, list: readonly { id: string }[]): Promise<void> => {
    const lines = list.map((_, a) => pair(list, a, (2 * a + 1) % list.length)).slice(1, 6);
    return writeFile(join(world.folder, name), lines.join(''));
  };
  await write('train.tsv', labeled);
  await write('test.tsv', heldOut);
  const context = await world.context('pretrain', [
    'finetune={kind: similarity, share: 0, pairs: {train: train.tsv, heldOut: test.tsv}}',
    'tasks={mlm: {}, mfm: null, tag: null}',
    'train={batchSize: 6, epochs: 2, learningRate: 0.01, rules: [], evaluateEvery: epoch, zeroShot: true}',
  ]);
  const { status, summary } = await runPretrainStage(context);
  expect(status).toBe('complete');
  const lines = (await world.read(context, 'metrics.jsonl')).trim().split('\n');
  const measured = lines
    .map((line) => JSON.parse(line) as { type: string; step: number; metrics: Record<string, number> })
    .filter(({ type }) => type === 'evaluation');
  expect(measured.map(({ step }) => step)).toEqual([4, 8]); // 24 videos by 6
  for (const name of ['zero-shot/validation spearman', 'zero-shot/held-out spearman']) {
    for (const { metrics } of measured) {
      expect(Math.abs(metrics[name])).toBeLessThanOrEqual(1);
      expect(metrics[`${name} baseline: TF-IDF, titles`]).toBeGreaterThan(0.5); // a title tells the kind
    }
    expect(summary['measured']).toHaveProperty([name], measured.at(-1)!.metrics[name]);
  }
  const report = await readFile(join(context.folder, 'metrics.jsonl'), 'utf8');
  expect(report).toContain('zero-shot/held-out spearman baseline');
});
