import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.js';
import type { TaskName } from '@wbdc/pipeline';
import { describeViews, viewsOf } from '@wbdc/pipeline';

const folder = fileURLToPath(new URL('../../configs', import.meta.url));
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.yaml'));
const load = (path: string, ...set: string[]) => loadConfig({ path, folder, set });

describe('the configurations that come with the runner', () => {
  it.each(files)('%s is valid', async (path) => {
    expect((await load(path)).seed).toBeGreaterThan(0);
  });

  it('hold the six jobs as published', async () => {
    const [one, two, three, four, five, six] = await Promise.all(
      [1, 2, 3, 4, 5, 6].map((job) => load(`aiac2021/job${job}.yaml`)),
    );
    expect([one.model.width, one.model.layers, one.model.heads, one.train.epochs, one.train.batchSize]).toEqual([
      1024, 24, 16, 40, 128,
    ]);
    expect(one.tasks.tag).toMatchObject({ pooling: 'cls', hidden: null, count: 10000 });
    expect(two.tasks.tag).toMatchObject({ pooling: 'mean', hidden: 256, weight: one.tasks.tag?.weight });
    expect([one.tasks.mfm === null, three.tasks.mfm]).toEqual([false, null]);
    expect([four.train.splits, four.train.epochs]).toEqual([['pairwise'], 5]);
    expect([five.train.epochs, five.seed === one.seed]).toEqual([32, false]);
    expect(five.train).toMatchObject({ order: 'in-turn', splits: ['pointwise', 'pairwise', 'test_a'] });
    for (const { finetune } of [one, two, three, four, five, six]) {
      expect(finetune).toMatchObject({
        labels: 'rank',
        pooling: 'mean',
        width: 256,
        batchSize: 32,
        epochs: 10,
        learningRate: 5e-5,
        warmup: 0.06,
      });
      expect(finetune.rules).toEqual([{ pattern: 'encoder.bert.**', learningRate: 1e-5 }]);
    }
    expect([six.tasks.mlm?.probability, six.tasks.mfm?.probability]).toEqual([0.25, 0.25]);
    expect(new Set([one, two, three, four, five, six].map(({ run }) => join(run.folder, run.name))).size).toBe(6);
  });

  it('share encoder passes as published', async () => {
    const describe = async (path: string) => describeViews(viewsOf(await load(path)));
    expect(await describe('aiac2021/job1.yaml')).toBe('masked (mlm, mfm, tag)');
    expect(await describe('wbdc2022/single.yaml')).toBe('masked (ftm, mlm, mfm), onesided (mmm) on 25 %, plain (ftc)');
  });

  it.each(['aiac2021/job1.yaml', 'wbdc2022/single.yaml'])(
    '%s: a task is dropped or reweighted with one change',
    async (path) => {
      const { tasks } = await load(path);
      for (const name of Object.keys(tasks) as TaskName[]) {
        if (tasks[name] === null) continue;
        expect((await load(path, `tasks.${name}=null`)).tasks).toEqual({ ...tasks, [name]: null });
        const weighted = (await load(path, `tasks.${name}.weight=0.3`)).tasks;
        expect(weighted).toEqual({ ...tasks, [name]: { ...tasks[name], weight: 0.3 } });
      }
    },
  );

  it('finetune WBDC with the published attacks', async () => {
    expect((await load('wbdc2022/single.yaml')).finetune.adversarial).toMatchObject({ kind: 'fgm', epsilon: 1 });
    expect((await load('wbdc2022/single-pgd.yaml')).finetune.adversarial).toMatchObject({
      kind: 'pgd',
      steps: 3,
      alpha: 0.3,
    });
    expect((await load('wbdc2022/double.yaml')).model).toMatchObject({ kind: 'lxmert-model', width: 768, layers: 12 });
  });
});
