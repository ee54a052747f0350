import { chooseThresholds, decideTags } from '@wbdc/finetune';
import { besideBaselines, characterOverlaps, meanAveragePrecision, multilabelF1 } from '@wbdc/metrics';
import { truthOf, type Chosen } from './divide-tagged.js';
import type { FinetuneOptions, TagScores } from './options.js';

/** Predictions of videos whose tags are known. */
export interface TagPredictions {
  readonly videos: Chosen;
  readonly tags: readonly string[];
  /** `[N, T]` */
  readonly probabilities: Float32Array;
  /** How often the videos that were learned from have each tag: `[N, T]`, for predictions of several models. */
  readonly frequencies: Float32Array;
  /** Of the model and of its baselines; without them they are chosen on the same videos. */
  readonly thresholds?: TagThresholds;
}

/** A threshold for each tag `[T]`, by what orders the videos. */
export type TagThresholds = Readonly<Record<'model' | 'tag frequency' | 'character overlap', readonly number[]>>;

export interface JudgedTags {
  readonly scores: TagScores;
  readonly thresholds: TagThresholds;
}

/**
 * Measures tags beside what needs no model. F1 by thresholds that are chosen on the same videos, as are those of the
 * baselines, says how well each orders the videos, not what new ones will give.
 */
export async function judgeTags(
  options: FinetuneOptions,
  { videos, tags, probabilities, frequencies, thresholds }: TagPredictions,
): Promise<JudgedTags> {
  const size = { rows: videos.indices.length, columns: tags.length };
  const truth = truthOf(videos, tags.length);
  const judge = (scores: ArrayLike<number>, given?: readonly number[]) => {
    const chosen = given ?? [...chooseThresholds(truth, scores, size)];
    const f1 = multilabelF1(truth, decideTags(scores, chosen), size);
    const mAP = meanAveragePrecision(truth, scores, size);
    return {
      thresholds: chosen,
      f1,
      values: [mAP, meanAveragePrecision(truth, scores, size, 'rows'), f1.micro, f1.macro],
    };
  };
  const own = judge(probabilities, thresholds?.model);
  const frequency = judge(frequencies, thresholds?.['tag frequency']);
  const overlap = judge(await overlapsOf(options, videos, tags), thresholds?.['character overlap']);
  const beside = (i: number) =>
    besideBaselines(own.values[i], {
      'tag frequency': frequency.values[i],
      'character overlap': overlap.values[i],
    });
  const perTag = tags.map((tag, k) => ({
    tag,
    support: videos.indices.reduce((sum, _, row) => sum + truth[row * tags.length + k], 0),
    threshold: own.thresholds[k],
    f1: own.f1.perLabel[k],
  }));
  const measured = { mAP: beside(0), 'video mAP': beside(1), 'micro F1': beside(2), 'macro F1': beside(3) };
  return {
    scores: { videos: size.rows, measured, perTag },
    thresholds: {
      model: own.thresholds,
      'tag frequency': frequency.thresholds,
      'character overlap': overlap.thresholds,
    },
  };
}

/** The same frequencies `[T]` for so many videos `[N, T]`. */
export function repeated(frequencies: Float64Array, rows: number): Float32Array {
  return Float32Array.from({ length: rows * frequencies.length }, (_, i) => frequencies[i % frequencies.length]);
}

/** How many characters of a video's texts and a tag's name are the same `[N, T]`. */
async function overlapsOf(
  { tokenizer, data }: FinetuneOptions,
  { dataset, indices }: Chosen,
  tags: readonly string[],
): Promise<Float32Array> {
  const plain = await data.texts?.(new Set(indices.map((index) => dataset.id(index))));
  const texts = indices.map((index) => {
    const tokens = (): string => tokenizer.decode(Array.from(dataset.text(index).tokens));
    return plain?.get(dataset.id(index))?.texts ?? tokens();
  });
  return characterOverlaps(texts, tags);
}
