import { describe, expect, it } from 'vitest';
import {
  classesOf,
  countSingleVideos,
  distilledExamples,
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
