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

/**
 * The points of each axis beside the middle, which they share: all videos, `epochs`, `width`. Fewer videos are gone
 * through so much oftener, so the steps stay the same and what changes is how much there is to see.
 */
export function pointsOf({ axes, epochs, width }: Ablation): Point[] {
  const of: Record<Axis, () => Point[]> = {
    share: () =>
      SHARES.map((value) => {
        const set = [`train.share=${value}`, `train.epochs=${Math.round(epochs / value)}`];
        return { axis: 'share', value, set };
      }),
    epochs: () =>
      TIMES.map((times) => Math.max(1, Math.round(epochs * times)))
        .filter((value) => value !== epochs)
        .map((value) => ({ axis: 'epochs', value, set: [`train.epochs=${value}`] })),
    width: () =>
      WIDTHS.map((times) => ({ axis: 'width', value: width * times, set: [`model.width=${width * times}`] })),
  };
  return axes.flatMap((axis) => of[axis]());
}

/** The trials of an ablation: no pretraining and all of it in the middle, then every point, seed by seed. */
export function ablationTrials(
  models: readonly ModelName[],
  seeds: number,
  ablation: Ablation,
  { upTo, start }: Pick<Ladder, 'upTo' | 'start'>,
): Trial[] {
  const points = pointsOf(ablation);
  return Array.from({ length: seeds }, (_, i) => i + 1).flatMap((seed) =>
    models.flatMap((model): Trial[] => {
      const none: Trial = { model, objectives: 0, seed };
      const whole: Trial = { model, objectives: upTo, seed, ...(start !== 'fresh' && { text: true as const }) };
      return [
        ...[none, whole],
        ...points.flatMap((point) => [
          // Only the width changes finetuning too.
          ...(point.axis === 'width' ? [{ ...none, point }] : []),
          { ...whole, point },
        ]),
      ];
    }),
  );
}

/** The settings of the middle. */
export function middleOf({ epochs, width }: Ablation): string[] {
  return [`train.epochs=${epochs}`, `model.width=${width}`];
}
