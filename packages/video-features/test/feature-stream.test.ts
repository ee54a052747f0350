import { setTimeout as sleep } from 'node:timers/promises';
import { floats } from '@wbdc/nn';
import { describe, expect, it } from 'vitest';
import {
  SourceError,
  decodeAhead,
  throughTower,
  type DecodedVideo,
  type Featured,
  type VideoFeatures,
} from '../src/plain.js';

/** n frames of one pixel each, or n frames' features, or a video that cannot be read; decoded after so many ms. */
interface Given {
  readonly id: string;
  readonly frames?: number;
  readonly features?: number;
  readonly after?: number;
}

const decode = async ({ id, frames, features, after = 0 }: Given): Promise<DecodedVideo | VideoFeatures> => {
  await sleep(after);
  if (features !== undefined) return { id, features: floats([features, 2]) };
  if (frames === undefined) throw new SourceError(`${id}: broken`);
  return { id, count: frames, pixels: new Uint8Array(3 * frames).fill(Number(id)) };
};

/** A tower of two features, the first a number that grows with the brightness. */
const compute = async (pixels: Float32Array, count: number): Promise<Float32Array> =>
  Float32Array.from({ length: 2 * count }, (_, i) => (i % 2 === 0 ? pixels[(3 * i) / 2] : 7));

function stream(videos: Iterable<Given> | AsyncIterable<Given>, ahead = {}): AsyncGenerator<Featured<Given>> {
  return throughTower(decodeAhead({ videos, decode, ...ahead }), { compute, statistics: 'clip', batchSize: 4 });
}

describe('the stream of features', () => {
  it('keeps the order of the videos, whatever each is and however long it takes', async () => {
    const videos = [
      { id: '1', frames: 3, after: 20 },
      { id: 'bad' },
      { id: 'ready', features: 5 },
      { id: '2', frames: 6 },
      { id: '3', frames: 1, after: 30 },
      { id: 'none', features: 0 },
    ];
    const found: unknown[] = [];
    let darker = -Infinity;
    for await (const { video, result } of stream(videos)) {
      found.push([video.id, result instanceof SourceError ? result.message : result.features.shape[0]]);
      if (result instanceof SourceError || video.frames === undefined) continue;
      const values = [...result.features.data].filter((_, i) => i % 2 === 0);
      expect(new Set(values).size).toBe(1); // every frame is this video's
      expect(values[0]).toBeGreaterThan(darker);
      [darker] = values;
    }
    expect(found).toEqual([
      ['1', 3],
      ['bad', 'bad: broken'],
      ['ready', 5],
      ['2', 6],
      ['3', 1],
      ['none', 0],
    ]);
  });

  it('reads no further ahead than it is told, and closes the source when the reader leaves', async () => {
    const state = { read: 0, closed: false };
    const source = async function* (): AsyncGenerator<Given> {
      try {
        for (;;) yield { id: String(state.read++), features: 1 };
      } finally {
        state.closed = true;
      }
    };
    let seen = 0;
    for await (const { result } of stream(source(), { ahead: 2, mostAhead: 3 })) {
      expect(result).not.toBeInstanceOf(SourceError);
      expect(state.read).toBeLessThanOrEqual(++seen + 3);
      if (seen === 9) break;
    }
    expect(state.closed).toBe(true);
  });
});
