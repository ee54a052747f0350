import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeAnnotations, writeLabels, type Video } from '@wbdc/data';
import { finetuneFiles, writeEmbeddingFile } from '@wbdc/finetune/node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeEvaluation, ensembleModels, evaluateModels } from '../../src/evaluate/index.js';

const ids = Array.from({ length: 24 }, (_, i) => `20${String(i).padStart(3, '0')}`);
const CLASSES = ['0100', '0203', '0203'];
const videoOf = (id: string, i: number): Video => ({ id, title: `${'猫狗车'[i % 3]}片${i % 7}`, asr: '', ocr: [] });
const pairs = ids.map((id1, i) => {
  const j = (5 * i + 3) % ids.length;
  return { id1, id2: ids[j], score: i % 3 === j % 3 ? 0.9 : 0.1 + (i % 4) / 20 };
});

let root: string;
const at = (path: string): string => join(root, path);
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'wbdc-baselines-'));
  await mkdir(at('data/annotations'), { recursive: true });
  await mkdir(at('runs/a/data'), { recursive: true });
  await mkdir(at('runs/a/finetune'), { recursive: true });
  await writeAnnotations(at('data/annotations/test_a.json'), ids.map(videoOf));
  await writeAnnotations(at('some.json'), ids.slice(4).map(videoOf));
  const learned = ids.map((id, i) => ({ ...videoOf(`1${id}`, i), categoryId: CLASSES[i % 3] }));
  await writeAnnotations(at('data/annotations/labeled.json'), learned);
  // The data stage has looked at a folder elsewhere, and kept its name.
  await writeFile(at('runs/a/data/stage.json'), JSON.stringify({ settings: { data: { folder: 'data' } } }));
  const read = { data: '../data' };
  await writeFile(at('runs/a/finetune/stage.json'), JSON.stringify({ read }));
  const rows = new Map(ids.map((id, i) => [id, [Math.cos(i), Math.sin(i * i)]]));
  await writeEmbeddingFile(finetuneFiles(at('runs/a/finetune')).embeddings, rows);
  await writeEmbeddingFile(at('other.zip'), new Map(ids.map((id, i) => [id, [Math.cos(2 * i), Math.sin(i)]])));
  await writeLabels(at('pairs.tsv'), pairs);
  await writeFile(at('truth.csv'), ids.map((id, i) => `${id},${CLASSES[i % 3]}\n`).join(''));
  await writeFile(at('said.csv'), ids.map((id) => `${id},0100\n`).join(''));
});
afterAll(() => rm(root, { recursive: true }));

const LETTERS = [
  'characters in common, titles',
  'TF-IDF, titles',
  'characters in common, all texts',
  'TF-IDF, all texts',
];
const asked = (models: readonly string[], truth: string) => {
  const warnings: string[] = [];
  const onWarning = (line: string): void => void warnings.push(line);
  return { warnings, options: { models: models.map(at), truth: at(truth), samples: 20, from: root, onWarning } };
};

it('texts are found in the data set of whichever model is a run, whatever file holds the truth', async () => {
  const { options, warnings } = asked(['other.zip', 'runs/a'], 'pairs.tsv');
  const { baselines } = await evaluateModels(options);
  expect(baselines.map(({ name }) => name)).toEqual(LETTERS);
  const { truth, ...further } = options;
  const ensemble = await ensembleModels({ ...further, pairs: truth });
  expect(Object.keys(ensemble.baselines!)).toEqual(LETTERS);
  expect(warnings).toEqual([]);
});

it('without them, or without some, that is told', async () => {
  const none = asked(['other.zip'], 'pairs.tsv');
  expect((await evaluateModels(none.options)).baselines).toEqual([]);
  expect(none.warnings).toEqual([expect.stringMatching(/no baselines .* the texts of the videos are not known/)]);
  const some = asked(['other.zip'], 'pairs.tsv');
  expect((await evaluateModels({ ...some.options, texts: at('some.json') })).baselines).toEqual([]);
  expect(some.warnings).toEqual([expect.stringContaining('the texts of 4 of 24 videos are not known')]);
});

it('categories of unknown texts are not looked for among neighbours', async () => {
  await writeAnnotations(at('foreign.json'), [videoOf('77777', 1)]);
  const data = { data: at('data') };
  const unknown = asked(['said.csv'], 'truth.csv');
  const { baselines } = await evaluateModels({ ...unknown.options, ...data, texts: at('foreign.json') });
  expect(baselines.map(({ name }) => name)).toEqual(['the most frequent category']);
  expect(unknown.warnings).toEqual([expect.stringContaining('the texts of the videos are not known')]);
  const partly = asked(['said.csv'], 'truth.csv');
  await evaluateModels({ ...partly.options, ...data, texts: at('some.json') });
  expect(partly.warnings).toEqual([
    expect.stringContaining('the texts of 4 of 24 videos are not known: baselines take'),
  ]);
  const known = await evaluateModels({ ...asked(['said.csv'], 'truth.csv').options, ...data });
  expect(known.baselines.map(({ name }) => name)).toContain('nearest by TF-IDF, titles');
});

it('a baseline that says the same of all pairs is none, and a model that does is not above one', async () => {
  const same = ids.map((id, i) => ({ ...videoOf(id, i), title: '片', asr: '猫狗车'[i % 3] }));
  await writeAnnotations(at('same.json'), same);
  await writeEmbeddingFile(at('constant.zip'), new Map(ids.map((id) => [id, [1, 0]])));
  const { options } = asked(['other.zip', 'constant.zip'], 'pairs.tsv');
  const result = await evaluateModels({ ...options, texts: at('same.json') });
  expect(result.baselines.map(({ name }) => name)).toEqual(LETTERS.slice(2));
  const lines = describeEvaluation(result).join('\n');
  expect(lines).toMatch(/other is BELOW the best baseline \(\S.*, all texts: 0\.\d+\)/);
  expect(lines).toContain('constant has no spearman: it says the same of all');
});

it('models of different kinds are told before the truth is read as of either', async () => {
  const { options } = asked(['other.zip', 'said.csv'], 'pairs.tsv');
  await expect(evaluateModels(options)).rejects.toThrow('expected embeddings, as of other, got categories');
});
