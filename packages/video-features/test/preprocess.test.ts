import { describe, expect, it } from 'vitest';
import { distance } from '../../../tools/testing.js';
import {
  CLIP_PREPROCESSING,
  STATISTICS,
  centerCrop,
  cropForTower,
  decodeImage,
  normalize,
  preprocess,
  resizePillow,
  shorterSideSize,
} from '../src/index.js';
import { fixtureBytes, fixtureJson, fromBase64, type ImageFixture } from './fixtures.js';

const fixture = fixtureJson<ImageFixture>('clip-image.json');

describe('resizePillow', () => {
  it.each(fixture.resized)(
    'gives the bytes of Pillow: $file to $width x $height, $filter',
    async ({ file, width, height, filter, pixels }) => {
      const image = resizePillow(await decodeImage(fixtureBytes(file)), width, height, filter);
      expect([image.width, image.height]).toEqual([width, height]);
      expect(image.data).toEqual(fromBase64(pixels));
    },
  );

  it('computes a part as it stands in the whole', async () => {
    const image = await decodeImage(fixtureBytes('wide.jpg'));
    const part = resizePillow(image, 61, 23, 'bicubic', { left: 19, top: 0, width: 23, height: 23 });
    expect(part).toEqual(centerCrop(resizePillow(image, 61, 23, 'bicubic'), 23));
  });

  it('refuses a size that is no number of pixels', async () => {
    const image = { width: 1, height: 1, data: new Uint8Array(3) };
    expect(() => resizePillow(image, 0, 5, 'bicubic')).toThrow('got 0 x 5');
  });
});

describe('preprocessing', () => {
  it.each(fixture.processed)(
    "equals transformers' CLIPImageProcessor: $file to $size, $statistics",
    async ({ file, size, statistics, pixels, values }) => {
      const settings = { ...CLIP_PREPROCESSING, imageSize: size, statistics };
      const image = await decodeImage(fixtureBytes(file));
      expect((await cropForTower(image, settings)).data).toEqual(fromBase64(pixels));
      const expected = new Float32Array(fromBase64(values).buffer);
      expect(distance(await preprocess(image, settings), expected)).toBeLessThan(1e-6);
    },
  );

  it('stays near the exact result with the fast resizer, and enlarges exactly', async () => {
    const both = async (file: string, imageSize: number) => {
      const image = await decodeImage(fixtureBytes(file));
      const run = (resizer: 'pillow' | 'fast') => cropForTower(image, { ...CLIP_PREPROCESSING, imageSize, resizer });
      return { exact: await run('pillow'), fast: await run('fast') };
    };
    const { exact, fast } = await both('wide.jpg', 23);
    expect([fast.width, fast.height]).toEqual([23, 23]);
    expect(distance(fast.data, exact.data)).toBeGreaterThan(0);
    const mean = fast.data.reduce((sum, value, i) => sum + Math.abs(value - exact.data[i]), 0) / fast.data.length;
    expect(mean).toBeLessThan(2);
    const enlarged = await both('small.png', 23);
    expect(enlarged.fast).toEqual(enlarged.exact);
  });

  it('rounds the longer side down', () => {
    expect(shorterSideSize({ width: 29, height: 53 }, 23)).toEqual([23, 42]);
    expect(shorterSideSize({ width: 53, height: 29 }, 23)).toEqual([42, 23]);
    expect(shorterSideSize({ width: 7, height: 7 }, 23)).toEqual([23, 23]);
  });

  it('crops with the odd pixel to the right and bottom, and refuses what is too small', () => {
    const data = Uint8Array.from({ length: 4 * 3 * 3 }, (_, i) => i);
    expect([...centerCrop({ width: 4, height: 3, data }, 1).data]).toEqual([15, 16, 17]);
    expect(() => centerCrop({ width: 4, height: 3, data }, 4)).toThrow('at least 4 x 4 pixels to crop, got 4 x 3');
  });

  it('does not unroll an extreme panorama', async () => {
    const image = { width: 50_000, height: 1, data: new Uint8Array(150_000).fill(99) };
    const square = await cropForTower(image, { ...CLIP_PREPROCESSING, imageSize: 101 });
    expect(square.data).toEqual(new Uint8Array(101 * 101 * 3).fill(99));
  });

  it('fills a batch in place', () => {
    const image = { width: 1, height: 1, data: Uint8Array.of(255, 0, 51) };
    const batch = new Float32Array(6);
    normalize(image, { mean: [0.5, 0.5, 0], deviation: [0.5, 0.25, 2] }, batch, 3);
    expect(distance(batch, [0, 0, 0, 1, -2, 0.1])).toBeLessThan(1e-7);
    expect(STATISTICS.imagenet.mean[2]).toBe(0.406);
  });
});

describe('a square of a picture whose shorter side is larger', () => {
  const settings = { ...CLIP_PREPROCESSING, imageSize: 23, resize: 29 };

  it.each(['pillow', 'fast'] as const)('is the centred one of the resized picture, %s', async (resizer) => {
    const image = await decodeImage(fixtureBytes('wide.jpg'));
    const [width, height] = shorterSideSize(image, 29);
    const whole = centerCrop(resizePillow(image, width, height, 'bicubic'), 23);
    const cut = await cropForTower(image, { ...settings, resizer });
    expect([cut.width, cut.height]).toEqual([23, 23]);
    expect(distance(cut.data, whole.data)).toBeLessThanOrEqual(resizer === 'pillow' ? 0 : 20);
  });

  it('is any other at a place, mirrored where it says so', async () => {
    const image = await decodeImage(fixtureBytes('wide.jpg'));
    const [width, height] = shorterSideSize(image, 29);
    const whole = resizePillow(image, width, height, 'bicubic');
    const at = (left: number, top: number, x: number, y: number): number[] => {
      const start = ((top + y) * width + left + x) * 3;
      return [...whole.data.subarray(start, start + 3)];
    };
    const pixel = (data: Uint8Array, x: number, y: number): number[] => [
      ...data.subarray((y * 23 + x) * 3).slice(0, 3),
    ];
    const corners = [
      { x: 0, y: 0, left: 0, top: 0 },
      { x: 0.9999, y: 0.9999, left: width - 23, top: height - 23 },
    ];
    for (const { x, y, left, top } of corners) {
      for (const mirrored of [false, true]) {
        const { data } = await cropForTower(image, settings, { x, y, mirrored });
        expect(pixel(data, 0, 5)).toEqual(at(left, top, mirrored ? 22 : 0, 5));
        expect(pixel(data, 22, 22)).toEqual(at(left, top, mirrored ? 0 : 22, 22));
      }
    }
  });
});
