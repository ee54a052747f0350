import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { judgeCategories, readCategories, writeEmbeddings } from '@wbdc/finetune';
import { readEmbeddings } from '@wbdc/finetune/node';
import {
  readCategoryScores,
  readClasses,
  readEmbeddingFile,
  readEnsembleMember,
  readOutOfFold,
  readOutOfFoldPairs,
  readOutOfFoldTags,
  readPredictions,
  readProbabilities,
  readSimilarityScores,
  readTruth,
  writeCategoryScores,
} from '@wbdc/finetune/node';
import { zipSync } from 'fflate';
import type { Reader } from '../reader.js';
import { drain, json, text } from './common.js';

const EMBEDDINGS = new Map([
  ['10001', [0.25, -1, 3e-7]],
  ['10002', [0.5, 3, 1]],
]);

const lines = (...values: object[]): string => values.map((value) => `${JSON.stringify(value)}\n`).join('');

export const FINETUNE: readonly Reader[] = [
  {
    name: 'finetune: readEmbeddingFile',
    covers: ['finetune: readEmbeddings'],
    corpus: () => [
      { name: 'result.zip', bytes: writeEmbeddings(EMBEDDINGS) },
      {
        name: 'text.zip',
        bytes: Buffer.from(JSON.stringify(Object.fromEntries(EMBEDDINGS))),
        wrap: (bytes) => zipSync({ 'result.json': bytes }),
      },
    ],
    tokens: ['"10001":', 'NaN', '[[', '"a":["', '":[0,'],
    read: async ({ path, bytes }) => {
      await readEmbeddings(bytes);
      await readEmbeddingFile(path, 'member');
    },
  },
  {
    name: 'finetune: readCategories',
    covers: ['finetune: readTruth'],
    corpus: () => [text('result.csv', '10001,0007\n10002,2201\n')],
    read: async ({ bytes, path }, onBad) => {
      await readTruth(path).catch(onBad);
      readCategories(bytes.toString(), new Set(['10001', '10002']));
    },
  },
  {
    name: 'finetune: readClasses',
    corpus: () => [text('categories.txt', '0100\n0203\n')],
    lenient: true,
    read: ({ path }) => readClasses(path),
  },
  {
    name: 'finetune: readCategoryScores',
    corpus: async (folder) => {
      const path = join(folder, 'made');
      await writeCategoryScores(path, judgeCategories(['0100', '0203'], ['0100', '0100'], '0100'));
      return [{ name: 'scores.json', bytes: readFileSync(path) }];
    },
    read: ({ path }) => readCategoryScores(path),
  },
  {
    name: 'finetune: readSimilarityScores',
    corpus: () => [
      json('scores.json', { spearman: { value: 0.5, baseline: 0 }, outOfFold: { spearman: 1, folds: [1] } }),
    ],
    read: ({ path }) => readSimilarityScores(path),
  },
  {
    name: 'finetune: readOutOfFold',
    corpus: () => [
      text('out.jsonl', lines({ id: 'a', fold: 0, category: '0100', predicted: '0203', probabilities: [0.5, 0.5] })),
    ],
    read: ({ path }) => drain(readOutOfFold(path)),
  },
  {
    name: 'finetune: readOutOfFoldPairs',
    corpus: () => [text('out.jsonl', lines({ id1: 'a', id2: 'b', fold: 0, score: 0.5, cosine: null }))],
    read: ({ path }) => drain(readOutOfFoldPairs(path)),
  },
  {
    name: 'finetune: readOutOfFoldTags',
    corpus: () => [text('out.jsonl', lines({ id: 'a', fold: 0, tags: ['猫'], probabilities: [0.25, 1] }))],
    read: ({ path }) => drain(readOutOfFoldTags(path)),
  },
  {
    name: 'finetune: readProbabilities',
    corpus: () => [
      text('p.jsonl', lines({ id: 'a', probabilities: [0.25, 0.75] }, { id: 'b', probabilities: [1, 0] })),
    ],
    read: ({ path }) => readProbabilities(path),
  },
  {
    name: 'finetune: readEnsembleMember',
    corpus: () => [
      text('p.jsonl', lines({ id: 'a', probabilities: [0.25, 0.75] }, { id: 'b', probabilities: [1, 0] })),
      text('e.jsonl', lines({ id: 'a', embedding: [0.5, -3], model: 'x' }, { id: 'b', embedding: [1, 2] })),
      { name: 'result.zip', bytes: writeEmbeddings(EMBEDDINGS) },
    ],
    read: ({ path }) => readEnsembleMember(path),
  },
  {
    name: 'finetune: readPredictions',
    corpus: () => [
      text('p.csv', '10001,0007\n10002,2201\n'),
      text('p.jsonl', lines({ id: 'a', category: '0100', probability: 0.5 }, { id: 'b', category: '0203' })),
      text('e.jsonl', lines({ id: 'a', embedding: [0.5, -3], model: 'x' }, { id: 'b', embedding: [1, 2] })),
      text('t.jsonl', lines({ id: 'a', tags: [{ tag: '猫', probability: 0.5, chosen: true }] }, { id: 'b', tags: [] })),
      { name: 'result.zip', bytes: writeEmbeddings(EMBEDDINGS) },
    ],
    read: ({ path }) => readPredictions(path),
  },
];
