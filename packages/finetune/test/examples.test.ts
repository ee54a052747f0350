import { describe, expect, it } from 'vitest';
import {
  classesOf,
  countSingleVideos,
  distilledExamples,
  groupsOf,
  labelledExamples,
  labelledVideos,
  splitByFold,
  unlabelledVideos,
} from '../src/index.js';
import { datasetOf } from './dataset.js';

const dataset = datasetOf(['0203', undefined, '0101', '0203', undefined, '0101', '0999']);

describe('labelled videos', () => {
  it('are those of the data set, or of a truth that goes before it', () => {
    const truth = new Map([
      ['v1', '0101'],
      ['v3', '0999'],
    ]);
    expect(labelledVideos(dataset).map(({ index }) => index)).toEqual([0, 2, 3, 5, 6]);
    expect(labelledVideos(dataset, truth).map(({ category }) => category)).toEqual([
      ...['0203', '0101', '0101', '0999', '0101', '0999'],
    ]);
  });

  it('are examples of the sorted categories', () => {
    const videos = labelledVideos(dataset);
    expect(classesOf(videos)).toEqual(['0101', '0203', '0999']);
    expect(countSingleVideos(videos)).toBe(1);
    const examples = labelledExamples(videos, classesOf(videos));
    expect(examples.map(({ label }) => label)).toEqual([1, 0, 1, 0, 2]);
    expect(new Set(examples.map(({ weight }) => weight))).toEqual(new Set([1]));
  });

  it('are validated once over all folds', () => {
    const videos = labelledVideos(dataset);
    const folds = [0, 1].map((fold) => splitByFold(videos, { folds: 2, fold }));
    for (const { train, validation } of folds) expect(train.length + validation.length).toBe(5);
    const validated = folds.flatMap(({ validation }) => validation.map(({ index }) => index));
    expect(validated.sort()).toEqual([0, 2, 3, 5, 6]);
  });
});

describe('groups of videos', () => {
  const categories = Array.from({ length: 40 }, (_, i) => `010${(i >> 1) % 4}`);
  // Every second video names the one before it; v0, v1, v20 and v21 are of one author.
  const named = Object.fromEntries(categories.flatMap((_, i) => (i % 2 === 1 ? [[i, `v${i - 1}`]] : [])));
  const grouped = datasetOf(categories, { ...named, 0: 'author', 20: 'author' });

  it('join what the data set says with what else is known', () => {
    const groups = groupsOf(datasetOf(['a', 'a', 'a', 'a', 'a'], { 1: 'v0', 4: 'lone' }), new Map([['v3', 'v1']]));
    expect(groups).toEqual(
      new Map([
        ['v0', 'v0'],
        ['v1', 'v0'],
        ['v3', 'v0'],
      ]),
    );
    expect(groupsOf(grouped).get('v21')).toBe('v0');
  });

  it('stay whole in folds', () => {
    const videos = labelledVideos(grouped);
    for (const fold of [0, 1, 2, 3, 4]) {
      const held = new Set(splitByFold(videos, { folds: 5, fold }).validation.map(({ index }) => index));
      for (let i = 0; i < 40; i += 2) expect(held.has(i)).toBe(held.has(i + 1));
      expect(held.has(0)).toBe(held.has(20));
      expect(held.size).toBeGreaterThanOrEqual(6);
    }
  });

  it('count as one where a category has no more', () => {
    expect(countSingleVideos(labelledVideos(datasetOf(['a', 'a', 'b', 'b'], { 1: 'v0' })))).toBe(1);
  });
});

describe('distillation', () => {
  const options = { labels: 'soft', minConfidence: 0, weight: 0.5 } as const;
  const predicted = { ids: ['v4', 'v0', 'v1'], values: Float32Array.of(0.75, 0.25, 1, 0, 0.375, 0.625) };

  it('teaches unlabelled videos what the teacher says of them', () => {
    const { examples, seen } = distilledExamples(predicted, unlabelledVideos(dataset), options);
    expect(seen).toBe(2);
    expect(examples).toEqual([
      { index: 4, label: Float32Array.of(0.75, 0.25), weight: 0.5 },
      { index: 1, label: Float32Array.of(0.375, 0.625), weight: 0.5 },
    ]);
  });

  it('teaches the most probable class of those it is sure of', () => {
    const sure = { ...options, labels: 'hard', minConfidence: 0.7 } as const;
    expect(distilledExamples(predicted, unlabelledVideos(dataset), sure)).toEqual({
      seen: 2,
      examples: [{ index: 4, label: 0, weight: 0.5 }],
    });
  });
});
