import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeAnnotations } from '@wbdc/data';
import { randomKey, randomSubset } from '@wbdc/nn';
import { Tokenizer } from '@wbdc/tokenizer';
import {
  CLIP_PREPROCESSING,
  decodeFrames,
  framesOf,
  type DecodeSettings,
  type DecodeVideo,
  type Pixels,
} from '@wbdc/video-features';
import { cropExactly } from '@wbdc/video-features/plain';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { clipSchema } from '../../src/index.js';
import { openClipVideos, PictureCache, pictureSource } from '../../src/node.js';

/** Frame n of a video is grey, of 10 n, but for its left column, of 200. */
const picture = (n: number): Pixels => {
  const data = new Uint8Array(8 * 6 * 3).fill(10 * n);
  for (let y = 0; y < 6; y++) data.fill(200, y * 24, y * 24 + 3);
  return { width: 8, height: 6, data };
};

/** Notes which frames are read. */
function decoder(count: number): { decode: DecodeVideo; read: number[]; videos: string[] } {
  const [read, videos]: [number[], string[]] = [[], []];
  const decode: DecodeVideo = async ({ id, path }, { preprocessing, sampling, draw }: DecodeSettings) => {
    videos.push(path);
    const source = framesOf(
      Array.from({ length: count }, (_, n) => picture(n)),
      path,
    );
    const noted = {
      ...source,
      *read(indices: readonly number[]) {
        read.push(...indices);
        yield* source.read(indices) as Iterable<never>;
      },
    };
    const crop = (image: never, place: never) => cropExactly(image, preprocessing, place);
    return decodeFrames(id, noted, {
      sampling,
      imageSize: preprocessing.imageSize,
      maxTaken: 100,
      crop: crop as never,
      ...(draw && { draw }),
    });
  };
  return { decode, read, videos };
}

const settings = { preprocessing: { ...CLIP_PREPROCESSING, imageSize: 6 }, sampling: { kind: 'all' } } as const;
const video = { id: '1', path: 'one.zip' };
/** Which frames they are, by the value in the middle. */
const shown = ({ count, pixels }: { count: number; pixels: Uint8Array }): number[] =>
  Array.from({ length: count }, (_, i) => pixels[i * 108 + 3 * 21] / 10);

describe('a batch that draws frames', () => {
  it('has no others decoded, each once, and gets what it would of all', async () => {
    const { decode, read } = decoder(20);
    const cache = new PictureCache(decode, settings);
    const drawn = new Set<number>();
    for (let seed = 0; seed < 5; seed++) {
      const key = randomKey(seed);
      const places = [...randomSubset(key, 20, 4)];
      places.forEach((place) => drawn.add(place));
      expect(shown(await cache.read(video, { take: { limit: 4, key } }))).toEqual(places);
    }
    expect([...read].sort((a, b) => a - b)).toEqual([...drawn].sort((a, b) => a - b));
    expect(drawn.size).toBeLessThan(20);
    expect(shown(await cache.read(video))).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect(read).toHaveLength(20);
    expect(new Set(read).size).toBe(20);
  });

  it('of a video with few takes all', async () => {
    const { decode } = decoder(3);
    const cache = new PictureCache(decode, settings);
    expect(shown(await cache.read(video, { take: { limit: 4, key: randomKey(1) } }))).toEqual([0, 1, 2]);
  });
});

describe('augmented frames', () => {
  const mirroredOf = async (seed: number) => {
    const { pixels } = await new PictureCache(decoder(1).decode, settings).read(video, { augment: randomKey(seed) });
    return { left: pixels[0] === 200, right: pixels[15] === 200 };
  };

  it('are random squares, mirrored half of the time, the same for the same key, and not kept', async () => {
    // The bright column is in one square of three, on the left or mirrored on the right.
    const seen = await Promise.all(Array.from({ length: 300 }, (_, seed) => mirroredOf(seed)));
    const [left, right] = [seen.filter((one) => one.left).length, seen.filter((one) => one.right).length];
    expect(left).toBeGreaterThan(25);
    expect(right).toBeGreaterThan(25);
    expect(left + right).toBeGreaterThan(70);
    expect(left + right).toBeLessThan(130);
    expect(await mirroredOf(7)).toEqual(await mirroredOf(7));
    const { decode, videos } = decoder(2);
    const cache = new PictureCache(decode, settings);
    for (let i = 0; i < 3; i++) await cache.read(video, { augment: randomKey(1) });
    expect(videos).toHaveLength(3);
  });
});

describe('frames for a tower that is trained', () => {
  it('are drawn and augmented in training batches alone', async () => {
    const { decode, read } = decoder(20);
    const cache = new PictureCache(decode, settings);
    const source = pictureSource({
      ids: new Set(['1']),
      decode: (_, draw) => cache.read(video, draw),
      extractor: settings as never,
      augment: true,
    });
    const key = randomKey(3);
    const trained = await source.draw!('1', { key, limit: 2 });
    expect(trained.shape).toEqual([2, 108]);
    expect(read).toEqual([...randomSubset(key, 20, 2)]);
    expect((await source.read('1')).shape).toEqual([20, 108]);
    expect(await source.read('1')).toEqual(await source.read('1'));
  });
});

describe('the CLIP stage', () => {
  let folder: string;
  beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'wbdc-clip-videos-'))));
  afterEach(() => rm(folder, { recursive: true }));

  it('decodes the frames that a batch reads, and no others', async () => {
    const { decode, read } = decoder(32);
    const annotations = join(folder, 'unlabeled.json');
    const ids = ['1000000000000000001', '1000000000000000002'];
    await writeAnnotations(
      annotations,
      ids.map((id) => ({ id, title: 'cat', asr: '', ocr: [] })),
    );
    const videos = await openClipVideos({
      splits: [{ name: 'unlabeled', annotations, pathOf: (id) => `${id}.zip` }],
      tokenizer: Tokenizer.fromVocab(['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'cat']),
      text: { cleaning: null },
      settings: clipSchema.parse({ vision: { imageSize: 8, patchSize: 4, width: 4, heads: 2 } }),
      decode,
    });
    const batch = await videos.batch([0, 1], 4, randomKey(1));
    expect([batch.pixels.shape, read.length]).toEqual([[8, 3, 8, 8], 8]);
    await videos.batch([0, 1], 4, randomKey(1));
    expect(read).toHaveLength(8);
  });
});
