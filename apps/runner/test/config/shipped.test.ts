import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.js';

const folder = fileURLToPath(new URL('../../configs', import.meta.url));
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.yaml'));
const load = (path: string) => loadConfig({ path, folder });

describe('the configurations that come with the runner', () => {
  it.each(files)('%s is valid', async (path) => {
    expect((await load(path)).seed).toBeGreaterThan(0);
  });

  it('hold the six jobs as published', async () => {
    const [one, two, three, four, five, six] = await Promise.all(
      [1, 2, 3, 4, 5, 6].map((job) => load(`aiac2021/job${job}.yaml`)),
    );
    expect([one.model.width, one.model.layers, one.model.heads, one.train.epochs, one.train.batchSize]).toEqual([1024, 24, 16, 40, 128]); // prettier-ignore
    expect(one.tasks.tag).toMatchObject({ pooling: 'cls', hidden: null, count: 10000 });
    expect(two.tasks.tag).toMatchObject({ pooling: 'mean', hidden: 256, weight: one.tasks.tag?.weight });
    expect([one.tasks.mfm === null, three.tasks.mfm]).toEqual([false, null]);
    expect([four.train.splits, four.train.epochs]).toEqual([['pairwise'], 5]);
    expect([five.train.epochs, five.seed === one.seed]).toEqual([32, false]);
    expect([six.tasks.mlm?.probability, six.tasks.mfm?.probability]).toEqual([0.25, 0.25]);
    expect(new Set([one, two, three, four, five, six].map(({ run }) => join(run.folder, run.name))).size).toBe(6);
  });

  it('finetune WBDC with the published attacks', async () => {
    expect((await load('wbdc2022/single.yaml')).finetune.adversarial).toMatchObject({ kind: 'fgm', epsilon: 1 });
    expect((await load('wbdc2022/single-pgd.yaml')).finetune.adversarial).toMatchObject({ kind: 'pgd', steps: 3, alpha: 0.3 }); // prettier-ignore
    expect((await load('wbdc2022/double.yaml')).model).toMatchObject({ kind: 'lxmert-model', width: 768, layers: 12 });
  });
});
