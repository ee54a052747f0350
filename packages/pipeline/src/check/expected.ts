import type { ClipBatch } from '@wbdc/pretrain-tasks/clip';
import type { FtcTarget, MfmTarget, PreparedView, TagTarget } from '@wbdc/pretrain-tasks';
import { viewsOf, type PlanSettings } from '../recipes/plan.js';
import type { Batch } from '@wbdc/nn';
import type { ClipSettings } from '../settings/clip.js';
import type { FinetuneSettings } from '../settings/finetune.js';
import type { TaskConfig, TaskName } from '../settings/tasks.js';

/** What the loss of a task must be before anything is learned. */
export interface Expectation {
  /** Of the metric: `mlm/loss`, `mmm/text loss`. */
  readonly metric: string;
  /** Nothing where it depends on the data. */
  readonly start?: number;
  /** How far from it a loss may be, as a share. */
  readonly tolerance: number;
  /** The smallest value it can reach. */
  readonly floor: number;
  readonly about: string;
}

/** Many independent answers, and few: the frames of one video get much the same answer. */
const [MANY, FEW] = [0.1, 0.2];

interface Sizes {
  readonly vocabSize: number;
  readonly frameSize: number;
}

/**
 * The losses of ignorance of all tasks on prepared views. Fresh logits are close to 0, so a choice among n costs ln n.
 */
export function expectedLosses(config: PlanSettings, views: readonly PreparedView[], sizes: Sizes): Expectation[] {
  const plan = viewsOf(config);
  return plan.flatMap(({ tasks }, i) =>
    tasks.flatMap((name, j) => expectedOf(name, config, views[i].targets[j], sizes)),
  );
}

function expectedOf(
  name: TaskName,
  { tasks }: Pick<PlanSettings, 'tasks'>,
  target: unknown,
  sizes: Sizes,
): Expectation[] {
  switch (name) {
    case 'mlm':
      return [tokens('mlm/loss', sizes)];
    case 'tag':
      return [tags(target as TagTarget, tasks.tag!)];
    case 'ftm':
      return [{ metric: 'ftm/loss', start: Math.LN2, tolerance: MANY, floor: 0, about: 'ln 2' }];
    case 'mfm':
      return [framesAmong('mfm/loss', target as MfmTarget, tasks.mfm!, sizes)];
    case 'mmm': {
      const { frames } = target as { frames: MfmTarget };
      return [tokens('mmm/text loss', sizes), framesAmong('mmm/frames loss', frames, tasks.mmm!, sizes)];
    }
    case 'ftc': {
      const { videos, past } = target as FtcTarget;
      return [partners('ftc/loss', videos, videos + past, tasks.ftc!)];
    }
  }
}

/**
 * Cross entropy of the tags' share s with a head that starts at p: -s ln p - (1 - s) ln (1 - p), which is ln 2 for
 * 1/2; of a category among T, ln T.
 */
function tags({ truth: { data, shape } }: TagTarget, { of, prior: given }: TaskConfig<'tag'>): Expectation {
  const known = { metric: 'tag/loss', tolerance: MANY, floor: 0 };
  if (of === 'category') return { ...known, start: Math.log(shape[1]), about: `ln ${shape[1]}, the categories` };
  const prior = given ?? 0.5;
  const share = data.reduce((sum, value) => sum + value, 0) / Math.max(1, data.length);
  const start = -share * Math.log(prior) - (1 - share) * Math.log(1 - prior);
  const about = prior === 0.5 ? 'ln 2' : `the tags' share by a prior of ${prior}`;
  return { ...known, start, about };
}

function tokens(metric: string, { vocabSize }: Sizes): Expectation {
  return { metric, start: Math.log(vocabSize), tolerance: MANY, floor: 0, about: `ln ${vocabSize}, the vocabulary` };
}

/**
 * Similarities of random unit vectors have the variance 1 / Dv, so their logits 1 / (Dv t^2), half of which the mean of
 * the cross entropy gains over ln n. Raw features have no scale that could be known here.
 */
function framesAmong(
  metric: string,
  { candidates }: MfmTarget,
  { normalize, temperature }: { readonly normalize: boolean; readonly temperature: number },
  { frameSize }: Sizes,
): Expectation {
  const count = candidates.shape[0];
  if (!normalize) return { metric, tolerance: FEW, floor: 0, about: 'depends on the scale of the raw features' };
  const spread = 1 / (2 * frameSize * temperature ** 2);
  const floor = Math.log1p((count - 1) * Math.exp(-1 / temperature));
  // Far from 0 the logits follow no such simple law.
  if (spread > 1) return { metric, tolerance: FEW, floor, about: 'temperature too low for features so narrow' };
  const start = Math.log(count) + spread;
  return {
    metric,
    start,
    tolerance: FEW,
    floor,
    about: `ln ${count}, the frames to choose from, and what the temperature adds`,
  };
}

interface Comparison {
  readonly temperature: number | null;
  readonly normalize: boolean;
  readonly reduction?: 'mean' | 'sum';
}

/**
 * One direction chooses among the videos, the other among those and the titles of earlier batches. Fresh encoders see
 * little difference between examples: one partner among as many is as good as another. Inner products have no scale
 * that could be known here.
 */
function partners(metric: string, videos: number, all: number, comparison: Comparison): Expectation {
  const { temperature, normalize, reduction = 'mean' } = comparison;
  if (!normalize) return { metric, tolerance: FEW, floor: 0, about: 'depends on the length of fresh vectors' };
  const parts = reduction === 'mean' ? 2 : 1;
  const both = (of: (choices: number) => number): number => (of(videos) + of(all)) / parts;
  const floor = temperature === null ? 0 : both((choices) => Math.log1p((choices - 1) * Math.exp(-2 / temperature)));
  const about = `${reduction === 'mean' ? '' : '2 '}ln ${videos}, the videos to choose from`;
  return { metric, start: both(Math.log), tolerance: FEW, floor, about };
}

export function expectedClip({ ids, tokens }: ClipBatch, settings: ClipSettings): Expectation[] {
  return [partners('loss', ids.length, tokens.shape[0], settings)];
}

/** With label smoothing the loss cannot fall below the entropy of the smoothed label. */
export function expectedCategory(classes: number, smoothing: number): Expectation[] {
  const other = smoothing / classes;
  const own = 1 - smoothing + other;
  const entropy = smoothing === 0 ? 0 : -own * Math.log(own) - (classes - 1) * other * Math.log(other);
  const about = `ln ${classes}, the categories`;
  return [{ metric: 'loss', start: Math.log(classes), tolerance: MANY, floor: entropy, about }];
}

export function expectedSimilarity(): Expectation[] {
  return [{ metric: 'loss', tolerance: FEW, floor: 0, about: 'depends on how alike fresh embeddings are' }];
}

/** Each tag is a question of its own: fresh logits are close to 0. Of the asymmetric loss each side at p = 1/2. */
export function expectedTags(
  { ids, tags = [] }: Pick<Batch, 'ids' | 'tags'>,
  { loss, gammaPositive, gammaNegative, clip }: FinetuneSettings['tags'],
  tagCount: number,
): Expectation[] {
  const known = { metric: 'loss', tolerance: MANY, floor: 0 };
  if (loss === 'bce') return [{ ...known, start: Math.LN2, about: 'ln 2' }];
  const share = tags.reduce((sum, row) => sum + row.length, 0) / (ids.length * tagCount);
  const moved = Math.max(0, 0.5 - clip);
  const start = share * 0.5 ** gammaPositive * Math.LN2 - (1 - share) * moved ** gammaNegative * Math.log1p(-moved);
  return [{ ...known, start, about: 'each side of the asymmetric loss at 1/2' }];
}
