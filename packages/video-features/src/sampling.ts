import { evenStride, foldIn, randomKey, randomSubset } from '@wbdc/nn/random';
import { SourceError } from './errors.js';

/**
 * Which frames of a video are taken. Part of a feature store's recipe, hence plain data.
 *
 * - `all`: every frame.
 * - `even`: at most `limit`, evenly over the whole video; the rule of WBDC for evaluation.
 * - `random`: a sorted random subset of at most `limit`; the same for the same seed and video id.
 * - `fps`: the frame shown at 0, 1/fps, 2/fps... seconds; of these, where there are more than `limit`, evenly.
 */
export type Sampling =
  | { readonly kind: 'all' }
  | { readonly kind: 'even'; readonly limit: number }
  | { readonly kind: 'random'; readonly limit: number; readonly seed: number }
  | { readonly kind: 'fps'; readonly fps: number; readonly limit?: number };

/** At most 32 frames, evenly: both competition systems. */
export const DEFAULT_SAMPLING: Sampling = { kind: 'even', limit: 32 };

/** Seconds within which two times are the same: containers round to a millisecond or finer. */
const ROUNDING = 1e-6;

/** What sampling needs to know of a video. */
export interface Frames {
  readonly name: string;
  readonly count: number;
  /** Seconds from the start, ascending, where the source has times. */
  readonly times?: readonly number[];
}

/** The indices of the frames to take, ascending. */
export function sampleFrames(sampling: Sampling, frames: Frames, id: string): number[] {
  switch (sampling.kind) {
    case 'all':
      return Array.from(evenStride(frames.count, frames.count));
    case 'even':
      return Array.from(evenStride(frames.count, sampling.limit));
    case 'random':
      return Array.from(randomSubset(foldIn(randomKey(sampling.seed), id), frames.count, sampling.limit));
    case 'fps':
      return atRate(frames, sampling);
  }
}

function atRate({ name, times }: Frames, { fps, limit }: { fps: number; limit?: number }): number[] {
  if (!times) {
    throw new SourceError(`${name}: expected frames with times, got pictures. Sample them evenly instead of by fps.`);
  }
  const start = times[0];
  const taken: number[] = [];
  times.forEach((time, index) => {
    // A frame is shown until the next one; the last as long as the one before it.
    const until = times[index + 1] ?? 2 * time - (times[index - 1] ?? time - 1);
    const tick = Math.ceil((time - start - ROUNDING) * fps) / fps;
    if (tick < until - start - ROUNDING) taken.push(index);
  });
  return limit === undefined ? taken : Array.from(evenStride(taken.length, limit), (i) => taken[i]);
}
