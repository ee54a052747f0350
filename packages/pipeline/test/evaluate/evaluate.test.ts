import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeAnnotations, writeLabels } from '@wbdc/data';
import { finetuneFiles, writeClasses, writeEmbeddingFile, writeProbabilities } from '@wbdc/finetune/node';
import { categoryScore, cosine, spearman } from '@wbdc/metrics';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aiacInventory, wbdcInventory } from '../../src/contents/index.js';
import {
  describeEvaluation,
  ensembleModels,
  evaluateModels,
  evaluationFolder,
  writeEnsembleReport,
  writeEvaluation,
} from '../../src/evaluate/index.js';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'wbdc-evaluate-'));
  await mkdir(join(root, 'data/annotations'), { recursive: true });
  await writeAnnotations(
    join(root, 'data/annotations/test_a.json'),
    ids.map((id, i) => ({ id, title: titleOf(i), asr: '', ocr: [] })),
  );
  const named = (group: string, subgroup = ''): object => ({ group: { zh: group }, subgroup: { zh: subgroup } });
  const names = { '0100': named('动物', '猫'), '0101': named('动物', '狗'), '0203': named('车') };
  await writeFile(join(root, 'data/categories.json'), JSON.stringify(names));
  await writeAnnotations(
    join(root, 'data/annotations/labeled.json'),
    ids.map((id, i) => ({ id: `2${id}`, title: titleOf(i), asr: '', ocr: [], categoryId: CLASSES[i % 3] })),
  );
  await writeFile(
    join(root, 'data/annotations/test_a_truth.csv'),
    ids.map((id, i) => `${id},${CLASSES[i % 3]}\n`).join(''),
  );
});
afterAll(() => rm(root, { recursive: true }));

const ids = Array.from({ length: 60 }, (_, i) => `100${String(i).padStart(2, '0')}`);
const CLASSES = ['0100', '0101', '0203'];
/** Titles of a class share a character. */
const titleOf = (i: number): string => `${'猫狗车'[i % 3]}${String.fromCharCode(0x4e00 + i)}`;

async function runWith(name: string, write: (folder: string) => Promise<void>): Promise<string> {
  const folder = join(root, 'runs', name, 'finetune');
  await mkdir(folder, { recursive: true });
  await write(folder);
  const record = { read: { data: '../../../data' }, settings: { finetune: { splits: ['labeled'] } } };
  await writeFile(join(folder, 'stage.json'), JSON.stringify(record));
  return join(root, 'runs', name);
}

/** A model that is right about the videos it knows, and sure by as much as it says. */
function categoryRun(name: string, knows: (i: number) => boolean): Promise<string> {
  return runWith(name, async (folder) => {
    const { classes, probabilities } = finetuneFiles(folder);
    await writeClasses(classes, CLASSES);
    const values = ids.flatMap((_, i) => {
      const said = knows(i) ? i % 3 : (i + 1) % 3;
      return CLASSES.map((__, c) => (c === said ? 0.8 : 0.1));
    });
    await writeProbabilities(probabilities, [{ ids: [...ids], values: Float32Array.from(values) }]);
  });
}

describe('categories', () => {
  it('are measured with intervals, beside neighbours, and against each other', async () => {
    const [good, bad] = [await categoryRun('good', (i) => i % 5 !== 0), await categoryRun('bad', (i) => i % 5 > 2)];
    const said: string[] = [];
    const result = await evaluateModels({
      models: [good, bad],
      truth: 'test_a',
      samples: 400,
      onMessage: (line) => void said.push(line),
    });
    if (result.kind !== 'categories') throw new Error('expected categories');
    const truth = ids.map((_, i) => CLASSES[i % 3]);
    const predicted = ids.map((_, i) => (i % 5 !== 0 ? CLASSES[i % 3] : CLASSES[(i + 1) % 3]));
    const [first, second] = result.models;
    const { score } = first.measures;
    expect(score.value).toBeCloseTo(categoryScore(truth, predicted).mean, 12);
    expect(score.low).toBeLessThan(score.value);
    expect(score.high).toBeGreaterThan(score.value);
    // Right for 48 of 60 with a probability of 0.8: what it says is true.
    expect(first.calibration!.ece).toBeCloseTo(0, 6);
    expect(second.calibration!.ece).toBeCloseTo(0.4, 6);
    expect(first.measures['logLoss'].value).toBeCloseTo(-0.8 * Math.log(0.8) - 0.2 * Math.log(0.1), 5);
    expect(second.difference).toMatchObject({ significant: true });
    expect(second.difference!.value).toBeLessThan(0);
    expect(first.difference).toBeUndefined();
    expect(first.classes.map(({ label }) => label)).toEqual(CLASSES);
    expect(first.mostConfused[0].count).toBe(4);
    // The title tells all: whoever looks at the nearest one is always right.
    const names = result.baselines.map(({ name }) => name);
    expect(names).toEqual(['the most frequent category', 'nearest by TF-IDF, titles', 'nearest by TF-IDF, all texts']);
    expect(result.baselines[1].measures['score'].value).toBe(1);
    expect(said).toContain(`truth    ${join(root, 'data/annotations/test_a_truth.csv')}`);
    const lines = describeEvaluation(result).join('\n');
    expect(lines).toMatch(/good is BELOW the best baseline \(nearest by TF-IDF, titles: 1\.00\)/);
    expect(lines).toMatch(/bad .*: worse/);
    expect(result.names).toEqual({ '01': '动物', '0100': '动物 / 猫', '0101': '动物 / 狗', '02': '车', '0203': '车' });
    const { report } = await writeEvaluation(join(root, 'out'), 'named', result);
    expect(await readFile(report, 'utf8')).toContain('<th>0101 动物 / 狗</th>');
  });

  it('as submitted, or as predict writes them, are measured too', async () => {
    const csv = join(root, 'result.csv');
    await writeFile(csv, ids.map((id, i) => `${id},${CLASSES[i % 3]}\n`).join(''));
    const lines = join(root, 'lines.jsonl');
    const line = (id: string, i: number) => ({
      id,
      category: CLASSES[(i + Number(i > 29)) % 3],
      probability: 0.5,
      top: [],
    });
    await writeFile(lines, ids.map((id, i) => `${JSON.stringify(line(id, i))}\n`).join(''));
    const truth = join(root, 'data/annotations/test_a_truth.csv');
    const result = await evaluateModels({ models: [csv, lines], truth, samples: 100 });
    if (result.kind !== 'categories') throw new Error('expected categories');
    expect(result.models.map(({ name }) => name)).toEqual(['result', 'lines']);
    expect(result.models[0].measures['score']).toEqual({ value: 1, low: 1, high: 1 });
    expect(result.models[0].calibration).toBeUndefined();
    const again = await evaluateModels({ models: [lines, csv], truth, samples: 100 });
    expect(describeEvaluation(again).join('\n')).toMatch(/result +1\.000 .* \+0\.\d{3} \[.*\], p .*: better/);
    expect(result.models[1].calibration!.bins.filter(({ count }) => count > 0)).toEqual([
      { from: 0.4, to: 0.5, count: 60, confidence: 0.5, accuracy: 0.5 },
    ]);
    expect(result.baselines.map(({ name }) => name)).toEqual(['the most frequent category of the truth']);
  });

  it('that are missing are told, and of others refused', async () => {
    const few = join(root, 'few.csv');
    await writeFile(few, `${ids[0]},0100\n${ids[1]},0101\n`);
    const truth = join(root, 'data/annotations/test_a_truth.csv');
    const warnings: string[] = [];
    const result = await evaluateModels({
      models: [few],
      truth,
      samples: 100,
      onWarning: (line) => void warnings.push(line),
    });
    expect(result.truth).toEqual({ path: truth, measured: 2, unpredicted: 58 });
    const [missing, plain] = warnings;
    expect([missing, warnings.length]).toEqual(['58 videos of 60 left out: not predicted', 2]);
    expect(plain).toMatch(/^no baselines of letters and frames: no labelled videos/);
    await writeFile(few, `99999,0100\n`);
    await expect(evaluateModels({ models: [few], truth })).rejects.toThrow('categories of videos that were predicted');
    await expect(evaluateModels({ models: [few], truth: 'nowhere' })).rejects.toThrow('got no such file');
    const unnamed = join(root, 'unnamed.jsonl');
    await writeFile(unnamed, '{"id":"10000","probabilities":[0.5,0.5]}\n');
    await expect(evaluateModels({ models: [unnamed], truth })).rejects.toThrow('expected categories.txt beside it');
  });
});

describe('embeddings', () => {
  const vector = (i: number, noise: number): number[] => {
    const turn = ((i % 3) * 2 * Math.PI) / 3 + noise * Math.sin(17 * i);
    return [Math.cos(turn), Math.sin(turn)];
  };
  const embeddingRun = (name: string, noise: number): Promise<string> =>
    runWith(name, (folder) =>
      writeEmbeddingFile(finetuneFiles(folder).embeddings, new Map(ids.map((id, i) => [id, vector(i, noise)]))),
    );
  const pairs = Array.from({ length: 90 }, (_, p) => {
    const [i, j] = [p % 60, (7 * p + Math.floor(p / 4) + 11) % 60];
    return { id1: ids[i], id2: ids[j], score: i % 3 === j % 3 ? 0.9 : 0.2 + ((3 * p) % 5) / 50 };
  }).filter(({ id1, id2 }) => id1 !== id2);

  it('are measured on pairs, beside letters, wider where whole videos are drawn', async () => {
    const [sharp, dull] = [await embeddingRun('sharp', 0.2), await embeddingRun('dull', 2)];
    await mkdir(join(root, 'runs/sharp/finetune/aiac/test_a'), { recursive: true });
    await writeLabels(join(root, 'runs/sharp/finetune/aiac/test_a/label.tsv'), pairs);
    const asked = { models: [sharp, dull], truth: 'test_a', samples: 400 };
    const result = await evaluateModels(asked);
    if (result.kind !== 'similarity') throw new Error('expected similarity');
    const cosines = pairs.map(({ id1, id2 }) => cosine(vector(ids.indexOf(id1), 0.2), vector(ids.indexOf(id2), 0.2)));
    const [first, second] = result.models;
    const own = spearman(
      cosines,
      pairs.map(({ score }) => score),
    );
    expect(first.measures['spearman'].value).toBeCloseTo(own, 9);
    expect(second.difference).toMatchObject({ significant: true });
    const drawn = await evaluateModels({ ...asked, unit: 'pairs' });
    const width = ({ low, high }: { low: number; high: number }): number => high - low;
    expect(width(first.measures['spearman'])).toBeGreaterThan(width(drawn.models[0].measures['spearman']));
    expect(result.baselines.map(({ name }) => name)).toEqual([
      'characters in common, titles',
      'TF-IDF, titles',
      'characters in common, all texts',
      'TF-IDF, all texts',
    ]);
    // Titles of one class share a character: letters alone tell the pairs apart.
    expect(result.baselines[0].measures['spearman'].value).toBeGreaterThan(0.7);
    expect(first.reliability).toHaveLength(10);
    expect(first.reliability.reduce((sum, { count }) => sum + count, 0)).toBe(pairs.length);
    expect(first.byScore.at(-1)).toMatchObject({
      score: 0.9,
      count: pairs.filter(({ score }) => score === 0.9).length,
    });
    const folder = await evaluationFolder(sharp);
    expect(folder).toBe(join(sharp, 'evaluation'));
    expect(await evaluationFolder(join(sharp, 'finetune/result.zip'))).toBe(folder);
    const files = await writeEvaluation(folder, 'test_a', result);
    const page = await readFile(files.report, 'utf8');
    expect(page).toContain('Cosines and what people said');
    expect(page).toContain('characters in common, titles');
    expect(JSON.parse(await readFile(files.result, 'utf8'))).toMatchObject({
      kind: 'similarity',
      official: 'spearman',
    });
  });

  it('are not measured on categories, nor on pairs of others', async () => {
    const sharp = await embeddingRun('sharp', 0.2);
    const truth = join(root, 'data/annotations/test_a_truth.csv');
    await expect(evaluateModels({ models: [sharp], truth })).rejects.toThrow('expected scored pairs of videos');
    await writeLabels(join(root, 'foreign.tsv'), [{ id1: '77777', id2: '88888', score: 0.5 }]);
    await expect(evaluateModels({ models: [sharp], truth: join(root, 'foreign.tsv') })).rejects.toThrow('got none');
  });
});

describe('predictions of data that changed since', () => {
  const made = async (name: string, change: object = {}): Promise<string> => {
    const run = await categoryRun(name, () => true);
    const { contents } = await wbdcInventory({ root: join(root, 'data'), splits: ['test_a', 'labeled'] });
    const read = { data: '../../../data' };
    const record = { read, created: '2026-01-02T03:04:05.000Z', inputs: { ...contents, ...change } };
    await writeFile(join(run, 'finetune/stage.json'), JSON.stringify(record));
    return run;
  };

  it('are refused where texts differ, but not where labels do', async () => {
    const relabelled = await made('relabelled', { 'truth of test_a': 'other', 'labels of labeled': 'other' });
    expect((await evaluateModels({ models: [relabelled], truth: 'test_a', samples: 10 })).models).toHaveLength(1);
    const retitled = await made('retitled', { 'texts of test_a': 'other', 'frames of test_a': 'gone' });
    await expect(evaluateModels({ models: [retitled], truth: 'test_a', samples: 10 })).rejects.toMatchObject({
      code: 'predictions-outdated',
      message: expect.stringContaining('got texts changed since 2026-01-02T03:04:05.000Z (texts of test_a)'),
    });
  });

  it('are refused whatever file holds the truth, and where its split is told by none', async () => {
    const retitled = await made('file-retitled', { 'texts of test_a': 'other' });
    const elsewhere = join(root, 'elsewhere.csv');
    await cp(join(root, 'data/annotations/test_a_truth.csv'), elsewhere);
    for (const truth of [join(root, 'data/annotations/test_a_truth.csv'), elsewhere]) {
      const outdated = { code: 'predictions-outdated' };
      await expect(evaluateModels({ models: [retitled], truth, samples: 10 })).rejects.toMatchObject(outdated);
      await expect(ensembleModels({ models: [retitled], truth })).rejects.toMatchObject(outdated);
    }
    const other = await made('file-other', { 'texts of test_b': 'of a split that is not there' });
    expect((await evaluateModels({ models: [other], truth: elsewhere, samples: 10 })).models).toHaveLength(1);
  });

  it('are refused where the data set of a run is elsewhere, or gone and read again by its data stage', async () => {
    const run = await categoryRun('own-data', () => true);
    const stage = join(root, 'runs/own-data/data');
    await mkdir(stage, { recursive: true });
    const { contents } = await wbdcInventory({ root: join(root, 'data'), splits: ['test_a'] });
    const keep = (folder: string, seen: object) =>
      writeFile(join(stage, 'stage.json'), JSON.stringify({ settings: { data: { folder } }, contents: seen }));
    const finetuned = (inputs: object) =>
      writeFile(
        join(run, 'finetune/stage.json'),
        JSON.stringify({ read: { data: '../data' }, created: '2026-01-02T03:04:05.000Z', inputs }),
      );
    const asked = { models: [run], truth: 'test_a', data: join(root, 'data'), samples: 10 };
    const truth = join(root, 'data/annotations/test_a_truth.csv');
    const outdated = { code: 'predictions-outdated' };
    await finetuned(contents);
    await keep('data', contents);
    expect((await evaluateModels({ ...asked, data: undefined, truth, from: root })).models).toHaveLength(1);
    await finetuned({ ...contents, 'texts of test_a': 'other' });
    await expect(evaluateModels({ ...asked, data: undefined, truth, from: root })).rejects.toMatchObject(outdated);
    await finetuned(contents);
    await keep('nowhere', { ...contents, 'videos of test_a': 'others' });
    await expect(evaluateModels({ ...asked, data: undefined, truth, from: root })).rejects.toMatchObject(outdated);
    expect((await evaluateModels({ ...asked, from: root })).models).toHaveLength(1); // --data has what it predicted
  });

  it('of records are refused where these differ', async () => {
    const rows = new Map(ids.map((id, i) => [id, [Math.cos(i), Math.sin(i)]]));
    const run = await runWith('records', (folder) => writeEmbeddingFile(finetuneFiles(folder).embeddings, rows));
    const data = join(root, 'records');
    const pairs = ids.slice(0, 6).map((id1, i) => ({ id1, id2: ids[i + 6], score: i / 5 }));
    await mkdir(join(data, 'test_a'), { recursive: true });
    await mkdir(join(data, 'pairwise'), { recursive: true });
    await writeLabels(join(data, 'test_a/label.tsv'), pairs);
    await writeFile(join(data, 'test_a/a.tfrecords'), 'of then');
    const { contents } = await aiacInventory({ root: data, splits: ['test_a'] });
    const record = { read: {}, created: '2026-01-02T03:04:05.000Z', inputs: contents };
    await writeFile(join(run, 'finetune/stage.json'), JSON.stringify(record));
    const asked = { models: [run], data, samples: 10 };
    const named = { ...asked, truth: 'test_a' };
    const filed = { ...asked, truth: join(data, 'test_a/label.tsv') };
    for (const one of [named, filed]) expect((await evaluateModels(one)).models).toHaveLength(1);
    await writeFile(join(data, 'test_a/a.tfrecords'), 'of now!');
    for (const one of [named, filed]) {
      await expect(evaluateModels(one)).rejects.toMatchObject({
        code: 'predictions-outdated',
        message: expect.stringContaining('got records changed since 2026-01-02T03:04:05.000Z (records of test_a)'),
      });
    }
    await expect(ensembleModels({ models: [run], data, pairs: filed.truth })).rejects.toMatchObject({
      code: 'predictions-outdated',
    });
  });

  it('are not joined with those of the others', async () => {
    const [now, learned] = [await made('now'), await made('learned', { 'texts of labeled': 'other' })];
    const result = await ensembleModels({ models: [now, learned] });
    expect(result.kind).toBe('probabilities');
    const written = [1, 2].map(() => writeEnsembleReport(join(root, 'fused'), result));
    const outcomes = (await Promise.allSettled(written)).map(({ status }) => status);
    expect(outcomes.sort()).toEqual(['fulfilled', 'rejected']);
    const before = await made('before', { 'texts of test_a': 'other' });
    await expect(ensembleModels({ models: [now, before] })).rejects.toMatchObject({ code: 'predictions-outdated' });
  });
});
