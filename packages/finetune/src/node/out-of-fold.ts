import { writeFileAtomic } from '@wbdc/io';
import { z } from 'zod';
import type { LabelledVideo } from '../examples.js';
import type { PairSet } from '../pairs.js';
import type { Predicted } from '../predicted.js';
import { numberOrNaN, readJsonLines } from './json-lines.js';
import { writeProbabilities } from './probabilities.js';

const video = z.object({
  id: z.string(),
  fold: z.int(),
  category: z.string(),
  predicted: z.string(),
  probabilities: z.array(z.number()),
});

/** A labelled video as the model says of it that did not learn it. */
export type OutOfFold = z.output<typeof video>;

/** Lines of the fold that was held out. @param values probabilities `[videos.length, C]` */
export function writeOutOfFold(
  path: string,
  {
    dataset,
    videos,
    fold,
    values,
    predicted,
  }: {
    readonly dataset: { id(i: number): string };
    readonly videos: readonly LabelledVideo[];
    readonly fold: number;
    readonly values: Float32Array;
    readonly predicted: readonly string[];
  },
): Promise<void> {
  const ids = videos.map(({ index }) => dataset.id(index));
  const known = new Map(ids.map((id, i) => [id, { fold, category: videos[i].category, predicted: predicted[i] }]));
  return writeProbabilities(path, [{ ids, values }], (id) => known.get(id)!);
}

/** The lines of {@link writeOutOfFold}. */
export function readOutOfFold(path: string): AsyncGenerator<OutOfFold> {
  return readJsonLines(path, video, '{id, fold, category, predicted, probabilities} of a finetune stage');
}

const pair = z.object({
  id1: z.string(),
  id2: z.string(),
  fold: z.int(),
  score: z.number(),
  cosine: numberOrNaN,
});

/** A labelled pair as the model says of it that knows neither video. */
export type OutOfFoldPair = z.output<typeof pair>;

/** Lines of the fold that was held out. */
export function writeOutOfFoldPairs(
  path: string,
  { dataset, left, right, scores }: PairSet,
  cosines: Float64Array,
  fold: number,
): Promise<void> {
  const lines = Array.from(left, (index, i): OutOfFoldPair => {
    return { id1: dataset.id(index), id2: dataset.id(right[i]), fold, score: scores[i], cosine: cosines[i] };
  });
  return writeFileAtomic(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
}

/** The lines of {@link writeOutOfFoldPairs}. */
export function readOutOfFoldPairs(path: string): AsyncGenerator<OutOfFoldPair> {
  return readJsonLines(path, pair, '{id1, id2, fold, score, cosine} of a finetune stage');
}

const tagged = z.object({
  id: z.string(),
  fold: z.int(),
  tags: z.array(z.string()),
  probabilities: z.array(z.number()),
});

/** A video with tags as the model says of it that did not learn it. */
export type OutOfFoldTags = z.output<typeof tagged>;

/** Lines of the fold that was held out. @param tagsOf what each video has */
export function writeOutOfFoldTags(
  path: string,
  predicted: Predicted,
  fold: number,
  tagsOf: (id: string) => readonly string[],
): Promise<void> {
  return writeProbabilities(path, predicted.ids.length === 0 ? [] : [predicted], (id) => ({ fold, tags: tagsOf(id) }));
}

/** The lines of {@link writeOutOfFoldTags}. */
export function readOutOfFoldTags(path: string): AsyncGenerator<OutOfFoldTags> {
  return readJsonLines(path, tagged, '{id, fold, tags, probabilities} of a finetune stage');
}
