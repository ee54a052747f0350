import type { Axis, Ladder, ModelName, Point, Trial } from '../objectives/plan.js';

/** What an ablation goes through. */
export interface Ablation {
  readonly axes: readonly Axis[];
  /** Of pretraining, where they are not what is varied. */
  readonly epochs: number;
  /** Of the model, where it is not what is varied. */
  readonly width: number;
}

/** Parts of the whole, which is the middle. */
const SHARES = [0.125, 0.25, 0.5];

/** In threes: the effect of steps is a matter of their order of magnitude. */
const TIMES = [1 / 3, 3];

const WIDTHS = [0.5, 2];

/** Of the whole corpus, the longest first: it decides when all is done. */
const CORPORA = [1, 1 / 4, 1 / 16];

/**
 * The points of each axis beside the middle, which they share: all videos, `epochs`, `width`; and what their trials
 * change. Fewer videos are gone through so much oftener: the steps stay the same, there is less to see. Of the corpus
 * every share is read once: the more there is, the more steps.
 */
export function pointsOf({ axes, epochs, width }: Ablation): (Point & { readonly set: readonly string[] })[] {
  const of = {
    share: () =>
      SHARES.map((value) => [value, `train.share=${value}`, `train.epochs=${Math.round(epochs / value)}`] as const),
    epochs: () =>
      TIMES.map((times) => Math.max(1, Math.round(epochs * times)))
        .filter((value) => value !== epochs)
        .map((value) => [value, `train.epochs=${value}`] as const),
    width: () => WIDTHS.map((times) => [width * times, `model.width=${width * times}`] as const),
    corpus: () => CORPORA.map((value) => [value] as const),
  };
  return axes.flatMap((axis) => of[axis]().map(([value, ...set]) => ({ axis, value, set })));
}

/**
 * The trials of an ablation: no pretraining and all of it in the middle, then every point, seed by seed. On the axis of
 * the corpus no video is seen before finetuning; beside it stands the text that the other axes start from.
 */
export function ablationTrials(
  models: readonly ModelName[],
  seeds: number,
  ablation: Ablation,
  { upTo, start }: Pick<Ladder, 'upTo' | 'start'>,
): Trial[] {
  const { axes, epochs, width } = ablation;
  const middle = [`train.epochs=${epochs}`, `model.width=${width}`];
  return Array.from({ length: seeds }, (_, i) => i + 1).flatMap((seed) =>
    models.flatMap((model): Trial[] => {
      const none: Trial = { model, objectives: 0, seed, set: middle };
      const whole: Trial = { ...none, objectives: upTo, ...(start !== 'fresh' && { text: true as const }) };
      const read: Trial = { ...none, text: true };
      const varied = { share: [whole], epochs: [whole], width: [none, whole], corpus: [read] }; // width: finetuning too
      const at = ({ axis, value, set }: ReturnType<typeof pointsOf>[number]): Trial[] =>
        varied[axis].map((trial) => ({ ...trial, point: { axis, value }, set: [...middle, ...set] }));
      return [
        none,
        ...(axes.some((axis) => axis !== 'corpus') ? [whole] : []),
        ...pointsOf(ablation).flatMap(at),
        ...(axes.includes('corpus') ? [read] : []),
      ];
    }),
  );
}

/** Settings that an ablation decides itself. */
export const DECIDED = ['train.share', 'train.epochs', 'model.width'];

/** And those of the corpus, where it is an axis. */
export const CORPUS_DECIDED = [
  'vocab',
  'corpus',
  'corpus.splits',
  'corpus.train',
  'corpus.train.share',
  'corpus.train.epochs',
];
