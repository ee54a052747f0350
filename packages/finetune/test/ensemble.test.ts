import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pairCosines } from '@wbdc/ensemble-svd';
import { load } from '@wbdc/ensemble-svd/node';
import { categoryScore, spearman } from '@wbdc/metrics';
import { decodeFloat16, encodeFloat16 } from '@wbdc/nn';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { distance, wave } from '../../../tools/testing.js';
import {
  ensembleOf,
  ensembleVerdicts,
  finetuneFiles,
  memberNames,
  readEmbeddingFile,
  readEnsembleMember,
  readProbabilities,
  writeClasses,
  writeEmbeddingFile,
  writeEnsemble,
  writeProbabilities,
} from '../src/node.js';

let root: string;
beforeAll(async () => void (root = await mkdtemp(join(tmpdir(), 'wbdc-ensemble-'))));
afterAll(() => rm(root, { recursive: true }));

const ids = Array.from({ length: 12 }, (_, i) => `100${String(i).padStart(2, '0')}`);
const vector = (model: number, i: number, width: number): number[] => [...wave(width, 3 * model + 1.7 * i, 1)];
const pairs = ids
  .map((id1, i) => ({ id1, id2: ids[(5 * i + 3) % 12], score: ((7 * i) % 12) / 12 }))
  .filter(({ id1, id2 }) => id1 !== id2);
const scores = pairs.map(({ score }) => score);

/** A run whose finetune stage left a submission. */
async function embeddingRun(name: string, model: number, width = 3): Promise<string> {
  await mkdir(join(root, name, 'finetune'), { recursive: true });
  const rows = new Map(ids.map((id, i) => [id, vector(model, i, width)]));
  await writeEmbeddingFile(finetuneFiles(join(root, name, 'finetune')).embeddings, rows);
  return join(root, name);
}

const CLASSES = ['0100', '0101', '0203'];
const right = new Map(ids.map((id, i) => [id, CLASSES[i % 3]]));

/** A run that is right about the videos of its own remainders. */
async function probabilityRun(name: string, knows: (i: number) => boolean, order = ids): Promise<string> {
  const files = finetuneFiles(join(root, name, 'finetune'));
  await mkdir(join(root, name, 'finetune'), { recursive: true });
  await writeClasses(files.classes, CLASSES);
  const values = order.flatMap((id) => {
    const i = ids.indexOf(id);
    const sure = knows(i) ? 0.6 : 0.1;
    return CLASSES.map((_, c) => (c === i % 3 ? sure : (1 - sure) / 2 + (c === (i + 1) % 3 ? 0.05 : -0.05)));
  });
  await writeProbabilities(files.probabilities, [{ ids: [...order], values: Float32Array.from(values) }]);
  return join(root, name);
}

describe('embeddings', () => {
  it('of runs and files are joined: with all dimensions, cosines are the weighted sums', async () => {
    const lines = ids.map((id, i) => `${JSON.stringify({ id, embedding: vector(2, i, 2), model: 'x' })}\n`);
    await writeFile(join(root, 'lines.jsonl'), lines.reverse().join(''));
    const [a, b] = [await embeddingRun('a', 0), await embeddingRun('b', 1)];
    const paths = [a, join(b, 'finetune'), join(root, 'lines.jsonl')];
    const members = await Promise.all(paths.map((path) => readEnsembleMember(path)));
    expect(members.map(({ name, kind }) => [name, kind])).toEqual(
      ['a', 'b', 'lines'].map((name) => [name, 'embeddings']),
    );
    const weights = [0.5, 0.2, 0.3];
    const result = await ensembleOf({ members, weights, pairs });
    const cosines = members.map(({ rows }) => pairCosines(rows, pairs));
    const sum = pairs.map((_, p) => weights.reduce((total, weight, m) => total + weight * cosines[m][p], 0));
    expect(distance(pairCosines(result.rows, pairs), sum)).toBeLessThan(1e-6);
    expect(result.measure).toBe('Spearman');
    expect(result.singles.map(({ score }) => score)).toEqual(cosines.map((own) => spearman(own, scores)));
    expect(result.growth.map(({ models }) => models)).toEqual([1, 2, 3]);
    expect(result.growth[0].score).toBeCloseTo(spearman(cosines[0], scores), 9);
    expect(result.growth[2].score).toBeCloseTo(spearman(sum, scores), 9);
    expect(result.correlations[0][1]).toBeCloseTo(spearman(cosines[0], cosines[1]), 12);
    expect(result.correlations.map((row, m) => row[m])).toEqual([1, 1, 1]);
  });

  it('come back as submitted, and a saved projection joins others the same way', async () => {
    const paths = [await embeddingRun('c', 0, 5), await embeddingRun('d', 1, 5)];
    const members = await Promise.all(paths.map((path) => readEnsembleMember(path)));
    const warnings: string[] = [];
    const result = await ensembleOf({ members, dimension: 2, onWarning: (line) => void warnings.push(line) });
    expect([result.rows.width, result.measure, warnings]).toEqual([2, undefined, []]);
    const files = await writeEnsemble(join(root, 'joined'), result);
    const submitted = await readEmbeddingFile(files.submission!, 'ensemble');
    expect(submitted.ids).toEqual(ids);
    expect(distance(submitted.values, result.rows.values)).toBeLessThan(1e-12);
    const again = await ensembleOf({ members, fitted: await load(files.projection!) });
    expect(distance(again.rows.values, result.rows.values)).toBeLessThan(1e-12);
    const report = JSON.parse(await readFile(files.report, 'utf8')) as { weights: number[] };
    expect(report).toMatchObject({ kind: 'embeddings', weights: [0.5, 0.5], singles: [{ name: 'c' }, { name: 'd' }] });
  });

  it('are rounded to float16 where that is asked for', async () => {
    const paths = [await embeddingRun('c', 0, 5), await embeddingRun('d', 1, 5)];
    const members = await Promise.all(paths.map((path) => readEnsembleMember(path)));
    const plain = await ensembleOf({ members, dimension: 2, pairs });
    const rounded = await ensembleOf({ members, dimension: 2, pairs, float16: true });
    expect([...rounded.rows.values]).toEqual([...decodeFloat16(encodeFloat16(Float32Array.from(plain.rows.values)))]);
    const apart = distance(rounded.rows.values, plain.rows.values);
    expect(apart).toBeGreaterThan(0);
    expect(apart).toBeLessThan(2 ** -11);
    expect(rounded.growth.at(-1)!.score).toBe(spearman(pairCosines(rounded.rows, pairs), scores));
  });

  it.each([[[0, 0]], [[1]], [[1, NaN]], [[-1, 2]], [[1, Infinity]], [[]]])(
    'have weights that mean something: %j',
    async (weights) => {
      const paths = [await embeddingRun('c', 0, 5), await embeddingRun('d', 1, 5)];
      const members = await Promise.all(paths.map((path) => readEnsembleMember(path)));
      await expect(ensembleOf({ members, weights })).rejects.toThrow(
        'weights: expected 2 numbers from 0 up, one a model, not all of them 0, got',
      );
    },
  );

  it('of few dimensions are joined to as many as there are, with a warning', async () => {
    const member = await readEnsembleMember(await embeddingRun('e', 0, 5)); // waves span two dimensions
    const warnings: string[] = [];
    const result = await ensembleOf({ members: [member], onWarning: (line) => void warnings.push(line) });
    expect([result.rows.width, warnings]).toEqual([2, [expect.stringContaining('span 2 of 5 dimensions')]]);
  });

  it('are weighed by a search on pairs, or refused without', async () => {
    const members = await Promise.all(['a', 'b', 'lines.jsonl'].map((name) => readEnsembleMember(join(root, name))));
    const searched = await ensembleOf({ members, weights: 'search', pairs });
    const equal = await ensembleOf({ members, pairs });
    expect(searched.growth.at(-1)!.score).toBeGreaterThanOrEqual(equal.growth.at(-1)!.score!);
    expect(searched.weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1);
    await expect(ensembleOf({ members, weights: 'search' })).rejects.toThrow('labelled pairs to search them on');
    const warnings: string[] = [];
    const foreign = [...pairs, { id1: 'other', id2: ids[0], score: 1 }];
    await ensembleOf({ members, pairs: foreign, onWarning: (line) => void warnings.push(line) });
    expect(warnings[0]).toContain('1 pairs of other videos');
  });
});

describe('probabilities', () => {
  it('are averaged by their weights, whatever their order, and submitted', async () => {
    const paths = [
      await probabilityRun('p', (i) => i % 2 === 0),
      await probabilityRun('q', (i) => i % 2 === 1, [...ids].reverse()),
      await probabilityRun('r', (i) => i < 6),
      await probabilityRun('s', () => true),
    ];
    const members = await Promise.all(paths.map((path) => readEnsembleMember(path)));
    const weights = [1, 1, 0.7, 1];
    const result = await ensembleOf({ members, weights, truth: right });
    const rowOf = (m: number, id: string): number[] => {
      const { rows } = members[m];
      const at = rows.ids.indexOf(id);
      return [...rows.values.slice(3 * at, 3 * at + 3)];
    };
    const mean = ids.flatMap((id) =>
      [0, 1, 2].map((c) => weights.reduce((sum, weight, m) => sum + weight * rowOf(m, id)[c], 0) / 3.7),
    );
    expect(distance(result.rows.values, mean)).toBeLessThan(1e-12);
    expect(result.measure).toBe('score');
    const alone = members.map((_, m) => {
      const said = ids.map((id) => CLASSES[rowOf(m, id).indexOf(Math.max(...rowOf(m, id)))]);
      return categoryScore(
        ids.map((id) => right.get(id)!),
        said,
      ).mean;
    });
    expect(result.singles.map(({ score }) => score)).toEqual(alone);
    expect(result.growth.map(({ models }) => models)).toEqual([1, 2, 3, 4]);
    expect([result.growth[0].score, alone[0] < 1, alone[3]]).toEqual([alone[0], true, 1]);
    expect(result.correlations[0][3]).toBeLessThan(1);
    const files = await writeEnsemble(join(root, 'fused'), result);
    const csv = (await readFile(files.submission!, 'utf8')).trim().split('\n');
    const best = (i: number): number =>
      [0, 1, 2].reduce((most, c) => (mean[3 * i + c] > mean[3 * i + most] ? c : most), 0);
    expect(csv).toEqual(ids.map((id, i) => `${id},${CLASSES[best(i)]}`));
    const again = await readProbabilities(files.probabilities!);
    expect(distance(again.values, mean)).toBeLessThan(1e-5);
    expect((await readEnsembleMember(join(root, 'fused'))).classes).toEqual(CLASSES);
    const searched = await ensembleOf({ members: members.slice(0, 3), weights: 'search', truth: right });
    const equal = await ensembleOf({ members: members.slice(0, 3), truth: right });
    expect(searched.growth.at(-1)!.score).toBeGreaterThanOrEqual(equal.growth.at(-1)!.score!);
  });

  it('of other classes, kinds and places are told', async () => {
    const [p, a] = [await readEnsembleMember(join(root, 'p')), await readEnsembleMember(join(root, 'a'))];
    await expect(ensembleOf({ members: [p, a] })).rejects.toThrow('expected probabilities, as of p, got embeddings');
    const other = { ...p, name: 'other', rows: { ...p.rows, name: 'other' }, classes: ['0100', '0101', '0300'] };
    await expect(ensembleOf({ members: [p, other] })).rejects.toThrow(
      'expected the 3 classes of p, got 3 others, without 0203',
    );
    const turned = { ...other, classes: [...CLASSES].reverse() };
    await expect(ensembleOf({ members: [p, turned] })).rejects.toThrow('got them in another order');
    const warnings: string[] = [];
    const truth = new Map([...right, ['999', '0100']]);
    await ensembleOf({ members: [p], truth, onWarning: (line) => void warnings.push(line) });
    expect(warnings).toEqual(['1 of 13 videos of the truth are left out: not predicted']);
    await expect(readEnsembleMember(join(root, 'nowhere'))).rejects.toThrow(/expected a run .*got nothing/);
    await mkdir(join(root, 'empty'));
    await expect(readEnsembleMember(join(root, 'empty'))).rejects.toThrow('got a folder without');
    await writeFile(join(root, 'odd.jsonl'), '{"id":"1"}\n');
    await expect(readEnsembleMember(join(root, 'odd.jsonl'))).rejects.toThrow('expected lines {id, embedding}');
  });
});

it('predictions of one name are told apart by as many of their folders as differ', () => {
  const paths = [
    '/x/a/result.zip',
    '/x/b/result.zip',
    '/y/b/result.zip',
    '/x/other.csv',
    '/runs/job1/finetune',
    '/runs/2',
  ];
  expect(memberNames(paths)).toEqual(['a/result', 'x/b/result', 'y/b/result', 'other', 'job1', '2']);
  expect(memberNames(['runs/a', 'runs/a'])).toEqual(['runs/a', 'runs/a']);
});

it('a model without a score is not above what needs none', () => {
  const told = {
    kind: 'embeddings',
    weights: [1],
    correlations: [],
    rows: { name: '', ids, width: 1, values: [] },
  } as const;
  const rows = { ...told.rows, values: new Float64Array(ids.length) };
  const lines = (score: number) =>
    ensembleVerdicts({
      ...{ ...told, rows },
      singles: [{ name: 'one', score }],
      growth: [{ models: 1, score: 0.9 }],
      baselines: { letters: 0.5 },
    });
  expect(lines(0.6)).toEqual(['all models and the ensemble are above the best that needs no model (letters: 0.5000)']);
  expect(lines(NaN)).toEqual(['one is BELOW the best that needs no model (letters: 0.5000)']);
});
