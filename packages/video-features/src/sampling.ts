import { foldIn, permutation, randomKey } from '@wbdc/nn/random';
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

/** The places of the frames to take, ascending. */
export function sampleFrames(sampling: Sampling, frames: Frames, id: string): number[] {
  switch (sampling.kind) {
    case 'all':
      return evenly(frames.count, frames.count);
    case 'even':
      return evenly(frames.count, sampling.limit);
    case 'random':
      return randomly(frames.count, sampling, id);
    case 'fps':
      return atRate(frames, sampling);
  }
}

function evenly(count: number, limit: number): number[] {
  const kept = Math.min(count, limit);
  return Array.from({ length: kept }, (_, i) => Math.floor((i * count) / kept));
}

function randomly(count: number, { limit, seed }: { limit: number; seed: number }, id: string): number[] {
  if (count <= limit) return evenly(count, count);
  const order = permutation(foldIn(randomKey(seed), id), count);
  return Array.from(order.subarray(0, limit)).sort((a, b) => a - b);
}

function atRate({ name, times }: Frames, { fps, limit }: { fps: number; limit?: number }): number[] {
  if (!times) {
    throw new SourceError(`${name}: expected frames with times, got pictures. Sample them evenly instead of by fps.`);
  }
  const start = times[0];
  const taken: number[] = [];
  times.forEach((time, place) => {
    // A frame is shown until the next one; the last as long as the one before it.
    const until = times[place + 1] ?? 2 * time - (times[place - 1] ?? time - 1);
    const tick = Math.ceil((time - start - ROUNDING) * fps) / fps;
    if (tick < until - start - ROUNDING) taken.push(place);
  });
  return limit === undefined ? taken : evenly(taken.length, limit).map((i) => taken[i]);
}
