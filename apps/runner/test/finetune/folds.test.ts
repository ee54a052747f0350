import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { wbdcLayout, writeFrameZip } from '@wbdc/data';
import { readCategories } from '@wbdc/finetune';
import { readEmbeddings } from '@wbdc/finetune/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runFinetuneStage } from '../../src/stages/finetune/finetune.js';
import { CATEGORIES, heldOut, labeled, linesOf, makeWorld, unlabeled, type World } from './world.js';

let world: World;
beforeAll(async () => void (world = await makeWorld()));
afterAll(() => world.remove());

interface OutOfFold {
  readonly id: string;
  readonly fold: number;
  readonly category: string;
  readonly predicted: string;
  readonly probabilities: number[];
}
interface Predicted {
  readonly id: string;
  readonly probabilities: number[];
}

const ALL = ['finetune.folds=3', 'finetune.fold=all', 'finetune.predict=[unlabeled]'];

describe('all folds of categories', () => {
  it('predict every labelled video by the model that did not learn it, and the others by the mean', async () => {
    const stage = await world.context('folds', ALL);
    const { status, summary } = await runFinetuneStage(stage);
    expect(status).toBe('complete');
    const rows = linesOf<OutOfFold>(await world.read(stage, 'out-of-fold.jsonl'));
    expect(rows.map(({ id }) => id).sort()).toEqual(labeled.map(({ id }) => id));
    for (const { id, category } of rows) expect(category).toBe(labeled.find((video) => video.id === id)!.categoryId);
    const scores = JSON.parse(await world.read(stage, 'scores.json')) as { score: { level2Micro: number } };
    const right = rows.filter(({ category, predicted }) => category === predicted).length;
    expect(scores.score.level2Micro).toBeCloseTo(right / 13, 12);
    expect(scores).toMatchObject({ videos: 13, heldOut: { videos: 7 } });
    // The title tells the category: whoever looks at the nearest of the other folds is right.
    const nearest = { baselines: { 'nearest by TF-IDF, titles': { mean: 1 } } };
    expect(scores).toMatchObject({ ...nearest, heldOut: nearest });
    expect(summary['measured']).toMatchObject({ 'score baseline: nearest by TF-IDF, titles': 1 });
    expect(summary['out-of-fold score']).toContain('nearest by TF-IDF, titles)');
    expect(summary['measured']).toMatchObject({ level2Micro: scores.score.level2Micro });
    for (const name of ['probabilities.jsonl', 'unlabeled.probabilities.jsonl']) {
      const mean = linesOf<Predicted>(await world.read(stage, name));
      const folds = await Promise.all(
        [0, 1, 2].map(async (fold) => linesOf<Predicted>(await world.read(stage, `fold-${fold}/${name}`))),
      );
      expect(mean.map(({ id }) => id)).toEqual((name.startsWith('un') ? unlabeled : heldOut).map(({ id }) => id));
      mean.forEach(({ probabilities }, i) => {
        const own = probabilities.map((_, c) => folds.reduce((sum, rows) => sum + rows[i].probabilities[c], 0) / 3);
        probabilities.forEach((p, c) => expect(p).toBeCloseTo(own[c], 5));
      });
    }
    const result = await world.read(stage, 'result.csv');
    expect(readCategories(result, new Set(heldOut.map(({ id }) => id)), new Set(CATEGORIES)).size).toBe(7);
  });

  it('go on where they were interrupted, to the same predictions', async () => {
    const whole = await world.context('folds-whole', ALL);
    await runFinetuneStage(whole);
    const controller = new AbortController();
    const cut = await world.context('folds-cut', ALL, { signal: controller.signal });
    const say = cut.output.say.bind(cut.output);
    cut.output.say = (line = '') => (line.startsWith('fold 1') && controller.abort(new Error('stop')), say(line));
    const first = await runFinetuneStage(cut).catch((error: Error) => ({ status: error.message }));
    expect(['interrupted', 'stop']).toContain(first.status);
    const again = await world.context('folds-cut', ALL, { resume: true });
    world.said.length = 0;
    expect((await runFinetuneStage(again)).status).toBe('complete');
    expect(world.said.join('')).not.toContain('fold 0 of 3'); // done before
    for (const name of ['out-of-fold.jsonl', 'probabilities.jsonl', 'result.csv', 'scores.json']) {
      expect(await world.read(again, name)).toBe(await world.read(whole, name));
    }
  });

  it('divide no videos of equal frames', async () => {
    // Zips of official data, of which nothing but their contents says what is equal: all videos of a category, 0203
    // aside.
    for (const { id, categoryId } of labeled.slice(0, 12)) {
      const name = categoryId === '0203' ? id : `${categoryId}${Number(id.at(-1)) % 2}`;
      const path = wbdcLayout(join(world.folder, 'data')).frameZip('labeled', id);
      await writeFrameZip(path, [{ name: '0.jpg', bytes: Buffer.from(name) }]);
    }
    const stage = await world.context('equal', ALL);
    await runFinetuneStage(stage);
    const foldOf = new Map(
      linesOf<OutOfFold>(await world.read(stage, 'out-of-fold.jsonl')).map(({ id, fold }) => [id, fold]),
    );
    const equal = labeled.slice(0, 12).filter(({ categoryId }) => categoryId === '0100');
    for (const parity of [0, 1]) {
      const folds = equal.filter(({ id }) => Number(id.at(-1)) % 2 === parity).map(({ id }) => foldOf.get(id));
      expect(folds).toEqual([folds[0], folds[0]]);
    }
    await rm(join(world.folder, 'data/zip_frames'), { recursive: true });
  });

  it('a category with one video: an output of every model, wrong in its own fold, and a warning', async () => {
    const path = join(world.folder, 'data/annotations/labeled.json');
    const before = await readFile(path, 'utf8');
    await writeFile(path, before.replace('"category_id":"0100"', '"category_id":"0999"')); // of the first video alone
    try {
      const stage = await world.context('lone', ALL);
      world.said.length = 0;
      await runFinetuneStage(stage);
      expect(world.said.join('')).toContain(
        '1 category with one video each: each is learned from in every fold but its own',
      );
      for (const fold of [0, 1, 2])
        expect(await world.read(stage, `fold-${fold}/categories.txt`)).toBe('0100\n0101\n0203\n0999\n');
      const rows = linesOf<OutOfFold>(await world.read(stage, 'out-of-fold.jsonl'));
      expect(rows.filter(({ category }) => category === '0999')).toHaveLength(1);
    } finally {
      await writeFile(path, before);
    }
  });
});

describe('all folds of pairs', () => {
  it('judge pairs by the model that knows neither video, and join the embeddings', async () => {
    const pairs = labeled.flatMap(({ id }, a) =>
      Array.from({ length: 12 }, (_, d) => `${id}\t${labeled[(a + d + 1) % 13].id}\t${(d % 3) / 4}\n`),
    );
    await writeFile(join(world.folder, 'train.tsv'), pairs.join(''));
    await writeFile(
      join(world.folder, 'test.tsv'),
      [
        `${heldOut[0].id}\t${heldOut[3].id}\t0.9\n`,
        `${heldOut[1].id}\t${heldOut[2].id}\t0.1\n`,
        `${heldOut[4].id}\t${heldOut[5].id}\t0.3\n`,
      ].join(''),
    );
    const set = [
      'finetune.kind=similarity',
      'finetune.folds=2',
      'finetune.fold=all',
      'finetune.pairs={train: train.tsv, heldOut: test.tsv}',
      'finetune.width=2',
    ];
    const stage = await world.context('pairs', set);
    const { status, summary } = await runFinetuneStage(stage);
    expect(status).toBe('complete');
    const rows = linesOf<{ id1: string; id2: string; fold: number }>(await world.read(stage, 'out-of-fold.jsonl'));
    const sides = [0, 1].map(
      (fold) => new Set(rows.filter((row) => row.fold === fold).flatMap(({ id1, id2 }) => [id1, id2])),
    );
    expect(sides.every(({ size }) => size > 2)).toBe(true);
    expect([...sides[0]].some((id) => sides[1].has(id))).toBe(false);
    expect(Object.keys(summary['measured'] as object)).toEqual(['out-of-fold/spearman', 'spearman']);
    const zip = await readFile(join(stage.folder, 'result.zip'));
    const vectors = await readEmbeddings(zip, new Set(heldOut.map(({ id }) => id)));
    expect([...vectors.values()].every(({ length }) => length === 2)).toBe(true);
  });

  it('are joined to the width that there is, where few videos are held out', async () => {
    const set = [
      'finetune.kind=similarity',
      'finetune.folds=2',
      'finetune.fold=all',
      'finetune.pairs={train: train.tsv}',
      'finetune.width=9',
    ];
    const stage = await world.context('few', set);
    await runFinetuneStage(stage);
    const vectors = await readEmbeddings(
      await readFile(join(stage.folder, 'result.zip')),
      new Set(heldOut.map(({ id }) => id)),
    );
    expect([...vectors.values()][0].length).toBeLessThanOrEqual(7); // videos
    expect(world.said.join('')).toMatch(/the held-out embeddings span [1-7] of 9 dimensions: joined to that width/);
  });
});
