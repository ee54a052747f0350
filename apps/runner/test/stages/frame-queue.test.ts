import { collate } from '@wbdc/data';
import { floats, randomKey, type Batch } from '@wbdc/nn';
import { describe, expect, it } from 'vitest';
import { frameQueue } from '../../src/stages/frame-queue.js';
import type { Place } from '../../src/stages/training.js';

const place = (index: number): Place => ({
  index,
  indices: [index],
  key: randomKey(index),
  earlier: (back) => (back > index ? undefined : place(index - back)),
});

/** Batch i: a video of one frame (100 i) beside one of two frames; frames have one value. */
function reader() {
  const reads: number[] = [];
  const read = async ({ index }: Place): Promise<Batch> => {
    reads.push(index);
    const example = (id: string, values: number[]) => ({
      id,
      tokens: [2],
      segments: [0],
      spans: [],
      frames: floats([values.length, 1], Float32Array.from(values)),
    });
    return collate([example('a', [100 * index]), example('b', [100 * index + 1, 100 * index + 2])]);
  };
  return { reads, read };
}

const pastOf = (batch: Batch): number[] => Array.from(batch.pastFrames?.data ?? []);

describe('frameQueue', () => {
  it('gives the frames of the batches before, without padding', async () => {
    const queued = frameQueue(2, reader().read);
    expect(pastOf(await queued(place(0)))).toEqual([]);
    expect(pastOf(await queued(place(1)))).toEqual([0, 1, 2]);
    expect(pastOf(await queued(place(2)))).toEqual([100, 101, 102, 0, 1, 2]);
    expect(pastOf(await queued(place(3)))).toEqual([200, 201, 202, 100, 101, 102]);
  });

  it('reads every batch once, and gives the same after a restart', async () => {
    const { reads, read } = reader();
    const queued = frameQueue(2, read);
    for (let index = 0; index < 5; index++) await queued(place(index));
    expect(reads).toEqual([0, 1, 2, 3, 4]);
    const restarted = await frameQueue(2, read)(place(5));
    expect(pastOf(restarted)).toEqual(pastOf(await queued(place(5))));
  });

  it('gives the same when batches are asked for ahead', async () => {
    const queued = frameQueue(2, reader().read);
    const ahead = await Promise.all([0, 1, 2, 3].map((index) => queued(place(index))));
    expect(pastOf(ahead[3])).toEqual([200, 201, 202, 100, 101, 102]);
  });

  it('is the reader itself where nothing is kept', () => {
    const { read } = reader();
    expect(frameQueue(0, read)).toBe(read);
  });
});
