import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { judgeCategories, measuredCategories, pairSet, readCategories, writeCategories } from '../src/index.js';
import {
  combineCategoryFolds,
  combineProbabilityFiles,
  combineSimilarityFolds,
  finetuneFiles,
  readCategoryScores,
  readClasses,
  readEmbeddingFile,
  readOutOfFold,
  readProbabilities,
  readSimilarityScores,
  readTruth,
  writeCategoryScores,
  writeClasses,
  writeEmbeddingFile,
  writeOutOfFold,
  writeOutOfFoldPairs,
  writeProbabilities,
  writeSimilarityScores,
} from '../src/node.js';
import { datasetOf } from './dataset.js';

let root: string;
beforeAll(async () => void (root = await mkdtemp(join(tmpdir(), 'wbdc-finetune-files-'))));
afterAll(() => rm(root, { recursive: true }));

const CLASSES = ['0100', '0203'];
const folder = async (name: string): Promise<string> => {
  await mkdir(join(root, name), { recursive: true });
  return join(root, name);
};
const lines = async (path: string): Promise<object[]> =>
  (await readFile(path, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as object);
const collected = async <T>(values: AsyncIterable<T>): Promise<T[]> => {
  const all: T[] = [];
  for await (const value of values) all.push(value);
  return all;
};

describe('files of probabilities', () => {
  const predicted = { ids: ['a', 'b'], values: Float32Array.of(0.75, 0.25, 1 / 3, 2 / 3) };

  it('come back with six digits', async () => {
    const path = join(root, 'a.jsonl');
    await writeProbabilities(path, [predicted], (id) => ({ fold: id === 'a' ? 0 : 1 }));
    expect(await lines(path)).toEqual([
      { id: 'a', fold: 0, probabilities: [0.75, 0.25] },
      { id: 'b', fold: 1, probabilities: [0.333333, 0.666667] },
    ]);
    const values = Float64Array.of(0.75, 0.25, 0.333333, 0.666667);
    expect(await readProbabilities(path, 'x')).toEqual({ name: 'x', ids: ['a', 'b'], width: 2, values });
  });

  it('are averaged by weight, and must hold the same videos', async () => {
    const [one, other, short] = ['one', 'other', 'short'].map((name) => join(root, `${name}.jsonl`));
    await writeProbabilities(one, [predicted]);
    await writeProbabilities(other, [{ ids: ['a', 'b'], values: Float32Array.of(0.25, 0.75, 1, 0) }]);
    const [{ ids, values }] = await collected(combineProbabilityFiles([one, other], [3, 1]));
    expect(ids).toEqual(['a', 'b']);
    [0.625, 0.375, 0.5, 0.5].forEach((p, i) => expect(values[i]).toBeCloseTo(p, 6));
    await writeFile(short, '');
    await expect(collected(combineProbabilityFiles([one, short]))).rejects.toThrow(
      'short.jsonl: expected as many videos as in the others, got fewer',
    );
  });

  it('are told from others by line', async () => {
    const path = join(root, 'bad.jsonl');
    await writeFile(path, '{"id":"1","probabilities":[1]}\n{"id":"1"}\n');
    await expect(readProbabilities(path)).rejects.toThrow(
      /bad\.jsonl: line 2: expected a line \{id, probabilities\} of a finetune stage, got "\{\\"id\\":\\"1\\"\}"/,
    );
    await writeFile(path, '');
    await expect(readProbabilities(path)).rejects.toThrow('bad.jsonl: expected lines {id, probabilities}');
  });
});

describe('files of categories', () => {
  it('come back: categories, truth and scores', async () => {
    const { classes, scores } = finetuneFiles(root);
    await writeClasses(classes, CLASSES);
    expect(await readClasses(classes)).toEqual(CLASSES);
    await writeFile(classes, '\n');
    await expect(readClasses(classes)).rejects.toThrow('expected categories, one a line, got none');
    await writeFile(join(root, 'truth.csv'), '\ufeffa,0100\r\nb,0203\r\n');
    expect([...(await readTruth(join(root, 'truth.csv')))]).toEqual([
      ['a', '0100'],
      ['b', '0203'],
    ]);
    const score = { mean: 0.5, level1Micro: 0.5, level1Macro: 0.25, level2Micro: 0.75, level2Macro: 0.5 };
    const judged = judgeCategories(['0100', '0203'], ['0100', '0100'], '0100', { nearest: score });
    expect(measuredCategories(judged!).level2Micro).toEqual({
      value: 0.5,
      baseline: 0.75,
      baselines: { nearest: 0.75 },
    });
    await writeCategoryScores(scores, judged);
    expect(await readCategoryScores(scores)).toEqual(judged);
    await writeCategoryScores(scores, undefined);
    await expect(readCategoryScores(scores)).rejects.toThrow('scores.json: expected scores of predicted categories');
  });

  it('of folds are gathered, and their other predictions averaged', async () => {
    const dataset = datasetOf(['0100', '0203', '0100', '0203']);
    const folds = await Promise.all([0, 1].map((fold) => folder(`categories/fold-${fold}`)));
    for (const [fold, path] of folds.entries()) {
      const files = finetuneFiles(path);
      await writeClasses(files.classes, CLASSES);
      const videos = [0, 1].map((i) => ({ index: 2 * fold + i, category: CLASSES[i] }));
      const values = Float32Array.of(0.75, 0.25, 0.625, 0.375);
      await writeOutOfFold(files.outOfFold, { dataset, videos, fold, values, predicted: ['0100', '0100'] });
      const heldOut = [0.5 + fold / 8, 0.5 - fold / 8];
      await writeProbabilities(files.probabilities, [{ ids: ['x'], values: Float32Array.from(heldOut) }]);
      await writeProbabilities(files.probabilitiesOf('more'), [
        { ids: ['y'], values: Float32Array.of(fold, 1 - fold) },
      ]);
    }
    const target = await folder('categories');
    const options = { folds, folder: target, splits: ['more'], truth: new Map([['x', '0203']]) };
    const { scores, heldOut, counts } = await combineCategoryFolds(options);
    expect(counts).toEqual({ labelled: 4, predicted: 1 });
    expect(scores).toMatchObject({ videos: 4, majority: '0100', score: { level2Micro: 0.5 } });
    expect(heldOut).toMatchObject({ videos: 1, score: { level2Micro: 0 } });
    const files = finetuneFiles(target);
    const rows = await collected(readOutOfFold(files.outOfFold));
    expect(rows.map(({ id, fold }) => [id, fold])).toEqual([
      ['v0', 0],
      ['v1', 0],
      ['v2', 1],
      ['v3', 1],
    ]);
    expect(await lines(files.probabilities)).toEqual([{ id: 'x', probabilities: [0.5625, 0.4375] }]);
    expect(await lines(files.probabilitiesOf('more'))).toEqual([{ id: 'y', probabilities: [0.5, 0.5] }]);
    const submitted = readCategories(await readFile(files.categories, 'utf8'), new Set(['x']));
    expect(writeCategories(submitted)).toBe('x,0100\n');
    expect(await readCategoryScores(files.scores)).toEqual(scores);
  });
});

describe('files of embeddings', () => {
  it('come back as a member of an ensemble', async () => {
    const { embeddings } = finetuneFiles(root);
    await writeEmbeddingFile(embeddings, new Map([['a', [0.25, -1]]]));
    expect(await readEmbeddingFile(embeddings, 'x', new Set(['a']))).toEqual({
      ...{ name: 'x', ids: ['a'], width: 2 },
      values: Float64Array.of(0.25, -1),
    });
    await expect(readEmbeddingFile(embeddings, 'x', new Set(['b']))).rejects.toThrow('1 are missing (b, ...)');
    await expect(writeEmbeddingFile(embeddings, new Map([['a', [NaN]]]))).rejects.toThrow('got NaN at place 0');
  });

  it('of no video are refused with the name of the file, and so is a damaged one', async () => {
    const path = join(root, 'empty.zip');
    await writeEmbeddingFile(path, new Map());
    await expect(readEmbeddingFile(path, 'x')).rejects.toThrow(/empty\.zip: expected embeddings, got none$/);
    await writeFile(path, (await readFile(path)).subarray(0, 40));
    await expect(readEmbeddingFile(path, 'x')).rejects.toThrow(/empty\.zip: submission: expected a zip/);
  });

  it('of folds are joined, with the Spearman of every fold that has pairs', async () => {
    const dataset = datasetOf([undefined, undefined, undefined, undefined]);
    const folds = await Promise.all([0, 1, 2].map((fold) => folder(`similarity/fold-${fold}`)));
    const rows = (phase: number): Map<string, number[]> =>
      new Map(['a', 'b', 'c'].map((id, i) => [id, [Math.cos(i + phase), Math.sin(i + phase), 0]]));
    for (const [fold, path] of folds.entries()) await writeEmbeddingFile(finetuneFiles(path).embeddings, rows(fold));
    const pairs = [
      { left: 'v0', right: 'v1', score: 0.25 },
      { left: 'v1', right: 'v2', score: 0.75 },
    ];
    const write = (fold: number, ...cosines: number[]) =>
      writeOutOfFoldPairs(
        finetuneFiles(folds[fold]).outOfFold,
        pairSet(pairs, dataset),
        Float64Array.from(cosines),
        fold,
      );
    await write(0, 0.5, 0.75);
    await write(2, 0.5, -0.25); // of fold 1 there are none
    const baselines = (value: number) => ({
      'validation/spearman': { value: 1, baseline: value, baselines: { letters: value } },
    });
    await writeSimilarityScores(finetuneFiles(folds[0]).scores, baselines(0.25));
    await writeSimilarityScores(finetuneFiles(folds[2]).scores, baselines(0.75));
    const target = await folder('similarity');
    const warnings: string[] = [];
    const combined = await combineSimilarityFolds({
      folds,
      folder: target,
      pairs: [
        { id1: 'a', id2: 'b', score: 1 },
        { id1: 'a', id2: 'c', score: 0 },
        { id1: 'a', id2: 'unknown', score: 0.5 },
      ],
      onWarning: (line) => warnings.push(line),
    });
    expect(combined).toMatchObject({ folds: [1, NaN, -1], outOfFold: 0, videos: 3 });
    expect(combined.heldOut).toBeCloseTo(1, 12);
    expect(warnings).toEqual(['the held-out embeddings span 2 of 3 dimensions: joined to that width']);
    const files = finetuneFiles(target);
    expect((await readEmbeddingFile(files.embeddings, 'all')).width).toBe(2);
    expect((await lines(files.outOfFold)).length).toBe(4);
    const scores = await readSimilarityScores(files.scores);
    expect(scores.outOfFold).toEqual({ spearman: 0, folds: [1, NaN, -1], baselines: { letters: 0.5 } });
    expect(combined.measured).toEqual({ value: 0, baseline: 0.5, baselines: { letters: 0.5 } });
    expect(scores.spearman).toEqual({ value: combined.heldOut });
  });

  it('have scores that may be no number', async () => {
    const { scores } = finetuneFiles(root);
    await writeSimilarityScores(scores, { spearman: { value: NaN, baseline: 0.5, baselines: { titles: 0.5 } } });
    expect(await readSimilarityScores(scores)).toEqual({
      spearman: { value: NaN, baseline: 0.5, baselines: { titles: 0.5 } },
    });
    await writeFile(scores, '{"spearman": 3}');
    await expect(readSimilarityScores(scores)).rejects.toThrow('scores.json: expected scores of embeddings, got');
  });
});

describe('a file of probabilities', () => {
  it('is refused where its lines are of several lengths', async () => {
    const path = join(root, 'widths.jsonl');
    await writeFile(path, '{"id":"1","probabilities":[0.5,0.5]}\n{"id":"2","probabilities":[1]}\n');
    const message = /widths\.jsonl: 2: expected 2 probabilities, as many as before, got 1/;
    await expect(readProbabilities(path)).rejects.toThrow(message);
    await expect(collected(combineProbabilityFiles([path, path]))).rejects.toThrow(message);
  });
});
