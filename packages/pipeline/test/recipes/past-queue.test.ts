import { collate } from '@wbdc/data';
import { floats, randomKey, type Batch } from '@wbdc/nn';
import { describe, expect, it } from 'vitest';
import { pastQueue, type BatchPosition } from '../../src/index.js';

const position = (index: number): BatchPosition => ({
  index,
  indices: [index],
  key: randomKey(index),
  earlier: (back) => (back > index ? undefined : position(index - back)),
});

/** Batch i: a video of one frame (100 i) and a title beside one of two frames and none; frames have one value. */
function reader() {
  const reads: number[] = [];
  const read = async ({ index }: BatchPosition): Promise<Batch> => {
    reads.push(index);
    const example = (id: string, values: number[], title: number[]) => ({
      id,
      tokens: [2, ...title],
      segments: title.map(() => 0).concat(0),
      spans: [{ field: 'title', start: 1, end: 1 + title.length }],
      frames: floats([values.length, 1], Float32Array.from(values)),
    });
    return collate([example('a', [100 * index], [7 + index, 3]), example('b', [100 * index + 1, 100 * index + 2], [])]);
  };
  return { reads, read };
}

const ofFrames = (frames: number) => ({ frames, texts: 0, field: 'title' });
const pastOf = (batch: Batch): number[] => Array.from(batch.pastFrames?.data ?? []);

describe('pastQueue', () => {
  it('gives the frames of the batches before, without padding', async () => {
    const queued = pastQueue(ofFrames(2), reader().read);
    expect(pastOf(await queued(position(0)))).toEqual([]);
    expect(pastOf(await queued(position(1)))).toEqual([0, 1, 2]);
    expect(pastOf(await queued(position(2)))).toEqual([100, 101, 102, 0, 1, 2]);
    expect(pastOf(await queued(position(3)))).toEqual([200, 201, 202, 100, 101, 102]);
  });

  it('reads every batch once, and gives the same after a restart', async () => {
    const { reads, read } = reader();
    const queued = pastQueue(ofFrames(2), read);
    for (let index = 0; index < 5; index++) await queued(position(index));
    expect(reads).toEqual([0, 1, 2, 3, 4]);
    const restarted = await pastQueue(ofFrames(2), read)(position(5));
    expect(pastOf(restarted)).toEqual(pastOf(await queued(position(5))));
  });

  it('gives the same when batches are asked for ahead', async () => {
    const queued = pastQueue(ofFrames(2), reader().read);
    const ahead = await Promise.all([0, 1, 2, 3].map((index) => queued(position(index))));
    expect(pastOf(ahead[3])).toEqual([200, 201, 202, 100, 101, 102]);
  });

  it('gives the texts of the batches before, of videos that have one', async () => {
    const queued = pastQueue({ frames: 1, texts: 2, field: 'title' }, reader().read);
    const textsOf = (batch: Batch) => batch.pastTexts?.map((text) => [...text]);
    expect(textsOf(await queued(position(0)))).toEqual([]);
    const third = await queued(position(2));
    expect(textsOf(third)).toEqual([
      [8, 3],
      [7, 3],
    ]);
    expect(pastOf(third)).toEqual([100, 101, 102]);
    const onlyTexts = await pastQueue({ frames: 0, texts: 1, field: 'title' }, reader().read)(position(1));
    expect(onlyTexts.pastFrames).toBeUndefined();
    expect(textsOf(onlyTexts)).toEqual([[7, 3]]);
  });

  it('is the reader itself where nothing is kept', () => {
    const { read } = reader();
    expect(pastQueue(ofFrames(0), read)).toBe(read);
  });
});
