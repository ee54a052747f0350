import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { readOutOfFold, readProbabilities } from '@wbdc/finetune/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { finetuneSchema, framesSchema, modelSchema, textSchema } from '../../src/index.js';
import { readLabels } from '@wbdc/data';
import { openIndex } from '@wbdc/search';
import { withMinedNegatives } from '../../src/finetune/mined.js';
import { describeFinetuned, finetune, readSavedModel, type FinetuneOptions } from '../../src/node.js';
import { CATEGORIES, datasetOf, tokenizer, videosFrom, withoutLabels } from './data.js';

let root: string;
beforeAll(async () => {
  await tf.setBackend('cpu');
  root = await mkdtemp(join(tmpdir(), 'wbdc-finetune-call-'));
});
afterAll(() => rm(root, { recursive: true }));

const [labeled, heldOut] = [videosFrom(0, 13), videosFrom(100, 7)];

async function optionsOf(name: string, finetuning: object, more: object = {}): Promise<FinetuneOptions> {
  const folder = join(root, name);
  await mkdir(folder, { recursive: true });
  const own = { batchSize: 3, epochs: 1, learningRate: 0.01, rules: [], width: 4, ...finetuning };
  return {
    folder,
    settings: {
      model: modelSchema.parse({ width: 6, layers: 1, heads: 2, maxPositions: 16 }),
      text: textSchema.parse({ budget: 8 }),
      frames: framesSchema.parse({}),
      finetune: finetuneSchema.parse(own),
    },
    tokenizer,
    data: { training: await datasetOf(labeled), heldOut: await datasetOf(withoutLabels(heldOut)) },
    ...more,
  };
}

const truth = new Map(heldOut.map(({ id, categoryId }) => [id, categoryId!]));

describe('finetuning for categories', () => {
  it('measures, saves a model and frees what it made', async () => {
    const options = await optionsOf('category', { ema: 0.5 });
    const before = tf.memory().numTensors;
    const result = await finetune({ ...options, data: { ...options.data, truth } });
    expect(tf.memory().numTensors).toBe(before);
    if (result.kind !== 'model') throw new Error('expected one model');
    const { measurement, conclusion } = result;
    expect(Object.keys(measurement!.measured)).toContain('score');
    expect(conclusion!.categories).toMatchObject({ classes: CATEGORIES, labelled: 13, scores: { videos: 7 } });
    const { kind } = await readSavedModel(conclusion!.model);
    expect(kind).toBe('category');
    const rows = await readProbabilities(conclusion!.files.probabilities);
    expect(rows.ids).toEqual(heldOut.map(({ id }) => id));
  });

  it('predicts the held-out videos once where all of them are measured, and to the same values where not', async () => {
    const all = await optionsOf('all', {});
    await finetune({ ...all, data: { ...all.data, truth } });
    const none = await optionsOf('none', {});
    await finetune(none);
    const read = (name: string): Promise<string> => readFile(join(root, name, 'probabilities.jsonl'), 'utf8');
    expect(await read('all')).toBe(await read('none'));
  });

  it('trains a model per fold, goes on after an interruption, and combines them', async () => {
    const options = await optionsOf('folds', { folds: 3, fold: 'all' });
    const controller = new AbortController();
    const onMessage = (line: string): void => void (line.startsWith('fold 1') && controller.abort());
    const cut = await finetune({ ...options, signal: controller.signal, observer: { onMessage } });
    expect(cut).toMatchObject({ kind: 'folds', status: 'interrupted', interrupted: { fold: 1 } });
    const before = tf.memory().numTensors;
    const result = await finetune({ ...options, data: { ...options.data, truth }, resume: true });
    expect(tf.memory().numTensors).toBe(before);
    if (result.kind !== 'folds') throw new Error('expected folds');
    expect(result.categories).toMatchObject({ counts: { labelled: 13, predicted: 7 }, heldOut: { videos: 7 } });
    const ids: string[] = [];
    for await (const { id } of readOutOfFold(result.files.outOfFold)) ids.push(id);
    expect(ids.sort()).toEqual(labeled.map(({ id }) => id));
  });

  it('says what is missing', async () => {
    const options = await optionsOf('bad', { predict: ['other'] });
    await expect(finetune(options)).rejects.toThrow('finetune.predict: expected a way to open further splits');
    const data = { ...options.data, training: await datasetOf(withoutLabels(labeled)) };
    await expect(finetune({ ...options, data })).rejects.toThrow(
      'expected videos with category_id in labeled, got none',
    );
    const init = { checkpoint: join(root, 'nowhere') };
    await expect(finetune({ ...options, init })).rejects.toThrow(
      'nowhere: expected a trained model: its folder, a stage or a run that has one, or hub:owner/name, got none',
    );
  });
});

it('finetuning for similarity needs pairs, measures them and embeds', async () => {
  const options = await optionsOf('similarity', { kind: 'similarity', share: 0 });
  await expect(finetune(options)).rejects.toThrow('finetune.pairs: expected pairs to learn from, got none');
  const train = labeled.map(({ id }, i) => ({ left: id, right: labeled[(i + 1) % 13].id, score: i / 12 }));
  const pairs = {
    train,
    heldOut: [0, 1, 2].map((i) => ({ left: heldOut[i].id, right: heldOut[i + 2].id, score: i / 2 })),
  };
  const result = await finetune({ ...options, data: { ...options.data, pairs } });
  if (result.kind !== 'model') throw new Error('expected one model');
  expect(Object.keys(result.measurement!.measured)).toEqual(['spearman', 'mse']);
  expect(result.conclusion).toMatchObject({ predicted: 7, outOfFold: false });
});

it('mines hard negatives of clicked pairs from an index', async () => {
  const place = join(root, 'index');
  const model = { name: 'clips', hash: '0123456789abcdef', width: 2 };
  await using index = await openIndex(place, { create: true });
  await index.addModel(model);
  // The videos in a fan of two degrees each, and one that is none to learn from between the first two.
  const at = (degrees: number) => [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
  const row = (id: string, degrees: number) => {
    return { id, vectors: [{ model: 'clips', hash: model.hash, values: at(degrees) }] };
  };
  await index.add([...labeled.map(({ id }, i) => row(id, 2 * i)), row('elsewhere', 1)]);
  const train = [0, 1, 2].map((i) => ({ left: labeled[i].id, right: labeled[i + 3].id, score: 1 }));
  const mined = { index: place, as: 'clips', count: 2, margin: 0 };
  const own = { kind: 'similarity', share: 0, loss: 'negatives' };
  const options = await optionsOf('mined', { ...own, mined });
  const messages: string[] = [];
  const observer = { onMessage: (line: string) => void messages.push(line) };
  const data = { ...options.data, pairs: { train } };
  const pairs = await withMinedNegatives({ ...options, data, observer });
  // What is nearer than the right answer (six degrees) is passed over; the right answer of another video is not.
  const wrong = pairs.slice(3).map(({ left, right, score }) => [left, right, score]);
  const [one, two, three] = [0, 1, 2].map((i) => labeled[i].id);
  expect(wrong).toEqual([
    ...[4, 5].map((i) => [one, labeled[i].id, 0]),
    ...[5, 6].map((i) => [two, labeled[i].id, 0]),
    ...[6, 7].map((i) => [three, labeled[i].id, 0]),
  ]);
  expect(messages).toEqual([`6 hard negatives of 3 pairs mined from ${place}`]);
  const result = await finetune({ ...options, data, observer });
  expect(result).toMatchObject({ kind: 'model', status: 'complete' });
  expect(messages).toContain('9 pairs to learn from, 0 to validate, 0 across the two dropped, 0 held out');
  if (result.kind !== 'model') throw new Error('expected one model');
  const { files } = result.conclusion!;
  expect(describeFinetuned(result.conclusion!).made.map(({ path }) => path)).toContain(files.mined);
  expect(await readLabels(files.mined)).toEqual(wrong.map(([id1, id2, score]) => ({ id1, id2, score })));
  // Whoever goes on has the same ones, though the index has changed since.
  await index.remove([labeled[4].id]);
  expect(await withMinedNegatives({ ...options, data, resume: true })).toEqual(pairs);
  expect(await withMinedNegatives({ ...options, data })).not.toEqual(pairs);

  const foreign = await optionsOf('mined', { ...own, mined: { ...mined, as: 'other' } });
  await expect(finetune({ ...foreign, data })).rejects.toMatchObject({ code: 'model-missing' });
  const others = { train: [{ left: 'x', right: 'y', score: 1 }] };
  await expect(withMinedNegatives({ ...options, data: { ...data, pairs: others } })).rejects.toThrow(
    `finetune.mined.index: expected an index with videos of the 1 pair, by the ids of the data set such as x, `,
  );
});

it('finetuning on clicked pairs learns from the others of a batch, and measures recall', async () => {
  const options = await optionsOf('clicks', { kind: 'similarity', share: 0, loss: 'negatives', epochs: 6 });
  // Videos of one word were clicked together; the last pair was shown and not clicked.
  const clicks = labeled.slice(0, 9).map(({ id }, i) => ({ left: id, right: labeled[(i + 3) % 12].id, score: 1 }));
  const shown = { left: labeled[0].id, right: labeled[1].id, score: 0 };
  const pairs = {
    train: [...clicks, shown],
    heldOut: [0, 1, 2].map((i) => ({ left: heldOut[i].id, right: heldOut[i + 3].id, score: 1 })),
  };
  const data = { ...options.data, pairs };
  const result = await finetune({ ...options, data });
  if (result.kind !== 'model') throw new Error('expected one model');
  const { measured } = result.measurement!;
  expect(Object.keys(measured)).toEqual(['recall@1', 'recall@5', 'recall@10']);
  expect(measured['recall@1'].baselines).toMatchObject({ chance: expect.closeTo(1 / 5, 12) });
  expect(measured['recall@5'].value).toBe(1);
  const unclicked = { ...data, pairs: { train: [shown] } };
  await expect(finetune({ ...options, folder: join(root, 'unclicked'), data: unclicked })).rejects.toThrow(
    'finetune.pairs: expected pairs of a score above 0, got 0 for all 1 pairs',
  );
});
