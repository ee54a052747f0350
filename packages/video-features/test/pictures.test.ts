import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { SourceError, decodeImage } from '../src/index.js';
import { fixtureJson, fromBase64 } from './fixtures.js';

interface Picture {
  readonly name: string;
  readonly file: string;
  readonly width: number;
  readonly height: number;
  readonly pixels: string;
}
const { cases, subsampled } = fixtureJson<{ cases: Picture[]; subsampled: string }>('pictures.json');

describe('pictures in every mode have the pixels of Pillow', () => {
  it.each(cases.filter(({ name }) => !name.startsWith('AVIF')))('$name', async ({ file, width, height, pixels }) => {
    expect(await decodeImage(fromBase64(file))).toEqual({ width, height, data: fromBase64(pixels) });
  });

  it('AVIF with whole colours, to 1 of 255', async () => {
    const { file, pixels } = cases.find(({ name }) => name.startsWith('AVIF'))!;
    const { data } = await decodeImage(fromBase64(file));
    const expected = fromBase64(pixels);
    expect(Math.max(...data.map((value, i) => Math.abs(value - expected[i])))).toBeLessThanOrEqual(1);
  });

  it('every degree of transparency, rounded', async () => {
    const pairs = Array.from({ length: 65_536 }, (_, i) => ({ value: i & 255, alpha: i >> 8 }));
    const raw = Uint8Array.from(pairs.flatMap(({ value, alpha }) => [value, alpha]));
    const png = await sharp(raw, { raw: { width: 256, height: 256, channels: 2 } })
      .png()
      .toBuffer();
    const { data } = await decodeImage(png);
    const expected = pairs.map(({ value, alpha }) => Math.round((value * alpha + 255 * (255 - alpha)) / 255));
    expect(expected.filter((value, i) => data[3 * i] !== value)).toEqual([]);
  });
});

describe('what is not read as Pillow reads it is refused', () => {
  it('an AVIF with subsampled chroma', async () => {
    const decoding = decodeImage(fromBase64(subsampled), { name: '7.avif' });
    await expect(decoding).rejects.toThrow('7.avif: expected an AVIF with whole colours (4:4:4 or grey), got one with');
  });

  it('a vector picture, before anything draws it', async () => {
    const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"><rect width="4" height="4"/></svg>';
    for (const text of [svg, `<?xml version="1.0"?>\n${svg}`, '%PDF-1.4\n']) {
      const decoding = decodeImage(new TextEncoder().encode(text), { name: 'a.zip: 1.png' });
      await expect(decoding).rejects.toThrow(SourceError);
      await expect(decoding).rejects.toThrow('expected a picture, got neither JPEG, PNG, WebP, GIF, AVIF nor TIFF');
    }
  });
});
