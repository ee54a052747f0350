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
    for (const { text, tasks, train } of [one, two, three, four, five, six]) {
      expect([text.budget, text.limits, tasks.tag?.activation, train.reduction]).toEqual([36, {}, 'relu', 'mean']);
    }
    expect(one.tasks.tag).toMatchObject({ pooling: 'cls', hidden: null, count: 10000, weight: 1250 });
    expect([one.tasks.mlm?.weight, one.tasks.mfm?.weight]).toEqual([1 / 1.25, expect.closeTo(1 / 3)]);
    for (const { text, tasks, finetune } of [two, three]) {
      expect(tasks.tag).toMatchObject({ pooling: 'mean', hidden: 256, weight: one.tasks.tag?.weight });
      expect([text.separatorFirst, finetune.embedding]).toEqual([false, 'tag']);
    }
    for (const { text, finetune } of [one, four, five, six]) {
      expect([text.separatorFirst, finetune.embedding]).toEqual([true, 'fresh']);
    }
    expect([one.tasks.mfm === null, three.tasks.mfm]).toEqual([false, null]);
    expect([four.train.splits, four.train.epochs]).toEqual([['pairwise'], 5]);
    expect([five.train.epochs, five.seed === one.seed]).toEqual([32, false]);
    expect(five.train).toMatchObject({ order: 'in-turn', splits: ['pointwise', 'pairwise', 'test_a'] });
    for (const { train, frames, finetune } of [one, two, three, four, five, six]) {
      expect([train.zeroShot, train.evaluateEvery, frames.choice, finetune.split]).toEqual([
        ...[true, 'epoch', 'aiac', 'official'],
      ]);
      expect(finetune).toMatchObject({
        labels: 'rank',
        attention: finetune.pooling === 'attention' ? 'tanh' : 'linear',
        averageBest: 1,
        bestBy: 'mse',
        evaluateEvery: 500,
        width: 256,
        batchSize: 32,
        epochs: 10,
        learningRate: 5e-5,
        warmup: 0.06,
      });
      expect(finetune.rules).toEqual([{ pattern: 'encoder.bert.**', learningRate: 1e-5 }]);
    }
    const pooled = [one, two, three, four, five, six].map(({ finetune }) => finetune.pooling);
    expect(pooled).toEqual(['mean', 'mean', 'mean', 'attention', 'attention', 'mean']);
    expect([one.tasks.mlm?.probability, one.tasks.mfm?.probability]).toEqual([0.9 * 0.15, 0.9 * 0.15]);
    expect([six.tasks.mlm?.probability, six.tasks.mfm?.probability]).toEqual([0.9 * 0.25, 0.9 * 0.25]);
    expect(new Set([one, two, three, four, five, six].map(({ run }) => join(run.folder, run.name))).size).toBe(6);
  });

  it('share encoder passes as published', async () => {
    const describe = async (path: string) => describeViews(viewsOf(await load(path)));
    expect(await describe('aiac2021/job1.yaml')).toBe('masked (mlm, mfm, tag)');
    expect(await describe('wbdc2022/single.yaml')).toBe(
      'masked (ftm, mlm, mfm) on 75 %, onesided (mmm) on 25 %, plain (ftc)',
    );
    expect(await describe('wbdc2022/double.yaml')).toBe('masked (mlm)');
  });

  it.each(['aiac2021/job1.yaml', 'wbdc2022/single.yaml'])(
    '%s: a task is dropped or reweighted with one change',
    async (path) => {
      const { tasks } = await load(path);
      for (const name of Object.keys(tasks) as TaskName[]) {
        if (tasks[name] === null) continue;
        // Where another task takes part in it, two.
        const sharing = path.startsWith('wbdc') && ['mlm', 'mfm'].includes(name);
        const alone = sharing ? ['tasks.mmm.heads=own', ...(name === 'mlm' ? ['tasks.mfm.start=fresh'] : [])] : [];
        const dropped = (await load(path, `tasks.${name}=null`, ...alone)).tasks;
        expect([dropped[name], Object.values(dropped).filter((task) => task !== null).length]).toEqual([
          null,
          Object.values(tasks).filter((task) => task !== null).length - 1,
        ]);
        const weighted = (await load(path, `tasks.${name}.weight=0.3`)).tasks;
        expect(weighted).toEqual({ ...tasks, [name]: { ...tasks[name], weight: 0.3 } });
      }
    },
  );

  it('hold WBDC as published', async () => {
    const single = await load('wbdc2022/single.yaml');
    expect(single.views).toMatchObject({ onesided: { share: 0.25, from: 0 }, masked: { share: 0.75, from: 0.25 } });
    expect(single.tasks.ftc).toMatchObject({ pooling: 'mean', reduction: 'sum', temperature: 1 });
    expect(single.tasks.mmm).toMatchObject({ heads: 'shared', weight: 1, frameWeight: 0.5 });
    expect(single.tasks.mfm).toMatchObject({ weight: 0.5, start: 'mlm', normalize: false, temperature: 1 });
    expect(single.features).toMatchObject({ resize: 256, statistics: 'imagenet', output: 'pooled' });
    expect(single.clip).toMatchObject({ resize: 256, augment: true, framesPerVideo: 4 });
    const clip = await load('wbdc2022/single-clip.yaml');
    expect(clip.features).toMatchObject({ tower: null, resize: 256, statistics: 'clip' });
    expect([single.train.stopAfter, single.clip.epochs]).toEqual([15, 15]);
    expect([single.train.clipNorm, single.clip.clipNorm, single.finetune.clipNorm]).toEqual([null, null, null]);
    const { finetune } = single;
    expect([finetune.stopAfter, finetune.labelSmoothing, finetune.epsilon]).toEqual([3, 0, 1e-6]);
    expect(finetune.vision).toMatchObject({ learningRate: 1e-5, lastLayers: null, augment: true });
    const double = await load('wbdc2022/double.yaml');
    expect(double.model).toMatchObject({ videoNorm: 'post', videoLayers: 6 });
    expect(double.features.tower).toBe('openai/clip-vit-base-patch32');
    expect(double.finetune.vision).toMatchObject({ learningRate: 5e-6, lastLayers: 3, augment: true });
    expect([double.tasks.mlm?.probability, double.tasks.mlm?.fields, double.finetune.stopAfter]).toEqual([
      0.15,
      null,
      3,
    ]);
    const { model } = await load('wbdc2022/double-vit.yaml');
    expect(model).toMatchObject({ videoNorm: 'pre', videoInit: 'openai/clip-vit-base-patch32', videoLayers: 12 });
  });

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
