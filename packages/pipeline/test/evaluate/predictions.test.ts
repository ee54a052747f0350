import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeLabels } from '@wbdc/data';
import { writeClasses } from '@wbdc/finetune/node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { evaluateModels } from '../../src/evaluate/index.js';

const CLASSES = ['0100', '0101', '0203'];
const ids = ['10000', '10001', '10002'];
let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), '预测 1-'))));
afterAll(() => rm(folder, { recursive: true }));

it('predictions that say two things of a video, or are none, are refused', async () => {
  await writeClasses(join(folder, 'categories.txt'), CLASSES);
  const truth = join(folder, 'truth.csv');
  await writeFile(truth, ids.map((id, i) => `${id},${CLASSES[i]}\n`).join(''));
  const refused = async (name: string, rows: readonly object[], message: string): Promise<void> => {
    const path = join(folder, name);
    await writeFile(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    await expect(evaluateModels({ models: [path], truth, samples: 100 })).rejects.toThrow(message);
  };
  const [id] = ids;
  const said = (category: string): object => ({ id, category, probability: 0.5 });
  await refused('twice.jsonl', [said('0100'), said('0101')], `twice.jsonl: expected every id once, got ${id} again`);
  const row = (...probabilities: number[]): object => ({ id, probabilities });
  await refused('rows.jsonl', [row(1, 0, 0), row(0, 1, 0)], `expected every id once, got '${id}'`);
  await refused('zeros.jsonl', [row(0, 0, 0)], "zeros.jsonl', id '10000': expected probabilities, 0 to 1 with sum 1");
  await refused('logits.jsonl', [row(2, -1, 0)], 'expected probabilities, 0 to 1 with sum 1, got 2');
  const pairs = join(folder, 'pairs.tsv');
  await writeLabels(pairs, [{ id1: ids[0], id2: ids[1], score: 1 }]);
  const vector = join(folder, 'vectors.jsonl');
  await writeFile(vector, [1, 2].map((x) => `${JSON.stringify({ id, embedding: [x, 1] })}\n`).join(''));
  await expect(evaluateModels({ models: [vector], truth: pairs })).rejects.toThrow('expected every id once');
});

it('a truth that says two things of a video is refused', async () => {
  const [truth, said] = [join(folder, 'twice.json'), join(folder, 'said.csv')];
  await writeFile(said, ids.map((id, i) => `${id},${CLASSES[i]}\n`).join(''));
  const records = CLASSES.map((category_id) => ({ id: ids[0], title: '', asr: '', ocr: [], category_id }));
  await writeFile(truth, JSON.stringify(records));
  await expect(evaluateModels({ models: [said], truth })).rejects.toThrow(`every id once, got ${ids[0]} twice`);
});
