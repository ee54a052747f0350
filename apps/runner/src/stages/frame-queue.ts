import type { Batch, Floats } from '@wbdc/nn';
import { joinFrames, packFrames } from '@wbdc/pretrain-tasks';
import type { Place } from './training.js';

type Read = (place: Place) => Promise<Batch>;

/**
 * Reads batches together with the frames of so many batches before them: further wrong answers for tasks that choose
 * among frames (features do not change during training, so unlike encoded ones they never grow stale). What a batch gets
 * is a function of its place alone, kept at hand or else read again: a resumed run continues with the same numbers.
 * Where a new epoch begins, a frame may meet itself among the past ones.
 */
export function frameQueue(batches: number, read: Read): Read {
  if (batches === 0) return read;
  const kept = new Map<number, Promise<Floats>>();
  const keep = (index: number, batch: Promise<Batch>): Promise<Floats> => {
    const frames = batch.then((value) => packFrames(value));
    frames.catch(() => kept.delete(index)); // whoever waits for it learns of it
    kept.set(index, frames);
    return frames;
  };
  return async (place) => {
    const batch = read(place);
    void keep(place.index, batch);
    const past: Promise<Floats>[] = [];
    for (let back = 1; back <= batches; back++) {
      const earlier = place.earlier(back);
      if (earlier) past.push(kept.get(earlier.index) ?? keep(earlier.index, read(earlier)));
    }
    for (const index of kept.keys()) if (index < place.index - batches) kept.delete(index);
    const own = await batch;
    return { ...own, pastFrames: joinFrames(await Promise.all(past), own.frames.shape[2]) };
  };
}
