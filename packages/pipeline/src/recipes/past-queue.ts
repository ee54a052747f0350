import type { Batch, Floats } from '@wbdc/nn';
import { joinFrames, packFrames, packTexts } from '@wbdc/pretrain-tasks';
import type { BatchPosition } from '../training/order.js';

type Read = (position: BatchPosition) => Promise<Batch>;

/** How many batches before a batch add what to it. */
export interface QueueLengths {
  readonly frames: number;
  readonly texts: number;
  /** Of the texts: title, ocr or asr. */
  readonly field: string;
}

interface Past {
  readonly frames: Floats;
  readonly texts: readonly Int32Array[];
}

/**
 * Reads batches together with frames and texts of batches before them: further wrong answers for tasks that choose
 * among them. They are data and not states of the model, so they never grow stale. What a batch gets is a function of
 * its position alone, kept at hand or else read again: a resumed run continues with the same numbers. Where a new epoch
 * begins, a frame may meet itself among the past ones.
 */
export function pastQueue({ frames, texts, field }: QueueLengths, read: Read): Read {
  const longest = Math.max(frames, texts);
  if (longest === 0) return read;
  const kept = new Map<number, Promise<Past>>();
  const keep = (index: number, batch: Promise<Batch>): Promise<Past> => {
    const past = batch.then((value) => ({ frames: packFrames(value), texts: packTexts(value, field) }));
    past.catch(() => kept.delete(index)); // whoever waits for it learns of it
    kept.set(index, past);
    return past;
  };
  return async (position) => {
    const batch = read(position);
    void keep(position.index, batch);
    const waiting: Promise<Past>[] = [];
    for (let back = 1; back <= longest; back++) {
      const earlier = position.earlier(back);
      if (earlier) waiting.push(kept.get(earlier.index) ?? keep(earlier.index, read(earlier)));
    }
    for (const index of kept.keys()) if (index < position.index - longest) kept.delete(index);
    const [own, past] = [await batch, await Promise.all(waiting)];
    const tables = past.slice(0, frames).map((one) => one.frames);
    return {
      ...own,
      ...(frames > 0 && { pastFrames: joinFrames(tables, own.frames.shape[2]) }),
      ...(texts > 0 && { pastTexts: past.slice(0, texts).flatMap((one) => one.texts) }),
    };
  };
}
