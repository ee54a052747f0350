import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFeatureStore } from '@wbdc/data';
import { floats } from '@wbdc/nn';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runFinetuneStage } from '../../src/stages/finetune/finetune.js';
import { CATEGORIES, labeled, makeWorld, WIDTH, type World } from '../finetune/world.js';
import { runIn } from '../host.js';

let world: World;
beforeAll(async () => {
  world = await makeWorld();
  const context = await world.context('finetune');
  await runFinetuneStage(context);
  const record = { read: { features: '../features' }, settings: { finetune: { splits: ['labeled'] } } };
  await writeFile(join(context.folder, 'stage.json'), JSON.stringify(record));
});
afterAll(() => world.remove());

const run = (...args: string[]) => runIn(world.folder, ['evaluate', ...args]);

describe('wbdc evaluate', () => {
  it('measures a run on a split it has predicted, and writes a page', async () => {
    const { code, out, err } = await run('run', '--truth', 'test_a', '--data', 'data', '--samples', '100');
    expect([code, err]).toEqual([0, 'warning: 1 video of 8 left out: not predicted\n']);
    expect(out).toContain('score of 7 videos, with 95 % intervals of 100 resamples of videos');
    expect(out).toMatch(/nearest by TF-IDF, titles +1\.000 \[1\.000, 1\.000\]/);
    expect(out).toContain('nearest by frame features');
    const page = await readFile(join(world.folder, 'run/evaluation/test_a.html'), 'utf8');
    expect(page).toContain('Confusion of level 1');
  });

  it('predicts a split that nothing is known of yet, from stored features', async () => {
    const asked = [
      '--truth',
      'labeled',
      '--data',
      'data',
      '--samples',
      '100',
      '--engine',
      'cpu',
      '--json',
      '--out',
      'e',
    ];
    const { code, out, err } = await run('run', ...asked);
    expect([code, err]).toEqual([0, expect.stringContaining('predicts ')]);
    const { truth, models } = JSON.parse(out) as {
      truth: object;
      models: { calibration: object; classes: object[] }[];
    };
    expect(truth).toMatchObject({ measured: 13, unpredicted: 0 });
    expect(models[0].classes.length).toBeGreaterThan(1);
  });

  it('gives a model no features of another tower', async () => {
    const path = join(world.run.folderOf('features'), 'labeled.zip');
    await rm(path);
    const store = await createFeatureStore(path, { width: WIDTH, recipe: { made: 'otherwise' } });
    for (const { id } of labeled) await store.add(id, floats([1, WIDTH], new Float32Array(WIDTH)));
    await store.finish();
    const asked = ['--truth', 'labeled', '--data', 'data', '--samples', '100', '--engine', 'cpu', '--out', 'other'];
    const { code, out } = await run('run', ...asked);
    expect([code, out]).toEqual([1, expect.stringContaining('the stored features are of another tower: reads frames')]);
  });

  it('compares files of predictions', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'wbdc-evaluate-files-'));
    try {
      await mkdir(join(folder, 'x'));
      const ids = Array.from({ length: 60 }, (_, i) => `200${i}`);
      const truth = ids.map((id, i) => `${id},${CATEGORIES[i % 3]}\n`).join('');
      await writeFile(join(folder, 'truth.csv'), truth);
      await writeFile(join(folder, 'a.csv'), truth);
      await writeFile(join(folder, 'b.csv'), truth.replaceAll(`,${CATEGORIES[0]}`, `,${CATEGORIES[2]}`));
      const { code, out } = await runIn(folder, ['evaluate', 'a.csv', 'b.csv', '--truth', 'truth.csv', '--out', 'x']);
      expect(code).toBe(0);
      expect(out).toMatch(/b +0\.\d{3} \[.*\] +-0\.\d{3} \[.*\], p .*: worse/);
      const tags = (some: boolean) =>
        ids
          .map((id, i) => `${JSON.stringify({ id, tags: some && i % 2 ? [] : [{ tag: '猫', chosen: true }] })}\n`)
          .join('');
      await writeFile(join(folder, 'all.jsonl'), tags(false));
      await writeFile(join(folder, 'half.jsonl'), tags(true));
      await writeFile(
        join(folder, 'known.jsonl'),
        ids.map((id) => `${JSON.stringify({ id, tags: ['猫'] })}\n`).join(''),
      );
      const judged = await runIn(folder, ['evaluate', 'all.jsonl', 'half.jsonl', '--truth', 'known.jsonl']);
      expect([judged.code, judged.out]).toEqual([0, expect.stringContaining('micro F1 of 60 videos, with 95 %')]);
      expect(judged.out).toMatch(/half +0\.667 \[.*\] +-0\.333 \[.*\], p < 0\.001: worse/);
      const missing = await runIn(folder, ['evaluate', 'c.csv', '--truth', 'truth.csv']);
      expect([missing.code, missing.err]).toEqual([1, expect.stringContaining('expected')]);
      const unit = await runIn(folder, ['evaluate', 'a.csv', '--truth', 'truth.csv', '--by', 'video']);
      expect([unit.code, unit.err]).toEqual([2, expect.stringContaining('Allowed choices are videos, pairs')]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
