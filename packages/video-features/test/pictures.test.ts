import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { SourceError, decodeImage, jpegThumbnail } from '../src/index.js';
import { fixtureJson, fromBase64 } from './fixtures.js';

interface Picture {
  readonly name: string;
  readonly file: string;
  readonly width: number;
  readonly height: number;
  readonly pixels: string;
}
/** Of Pillow 13: 8 x 4 with EXIF orientation 6, and 8 x 4 saved in mode YCbCr. */
const TURNED =
  'AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUEAAAD1bWV0YQAAAAAAAAAhaGRscgAAAAAAAAAAcGljdAAAAAAAAAAAAAAAAAAAAAAO' +
  'cGl0bQAAAAAAAQAAAB5pbG9jAAAAAEQAAAEAAQAAAAEAAAEdAAAAMgAAAChpaW5mAAAAAAABAAAAGmluZmUCAAAAAAEAAGF2MDFDb2xvcgAA' +
  'AAB0aXBycAAAAFRpcGNvAAAAFGlzcGUAAAAAAAAACAAAAAQAAAAQcGl4aQAAAAADCAgIAAAADGF2MUOBIAAAAAAAE2NvbHJuY2x4AAEADQAG' +
  'gAAAAAlpcm90AwAAABhpcG1hAAAAAAAAAAEAAQUBAoMEhQAAADptZGF0EgAKCDgIftICGg0gMiQXgmMEwkkkkygAAABIVFXrPiWn7sWjP/nO' +
  'vsgmkHZkTf+FyTA=';
const YCBCR =
  'SUkqAAgAAAAMAAABBAABAAAACAAAAAEBBAABAAAABAAAAAIBAwADAAAAngAAAAMBAwABAAAAAQAAAAYBAwABAAAABgAAABEBBAABAAAA1AAA' +
  'ABUBAwABAAAAAwAAABYBBAABAAAABAAAABcBBAABAAAAYAAAABwBAwABAAAAAQAAABICAwACAAAAAQABABQCBQAGAAAApAAAAAAAAAAIAAgA' +
  'CAAAAAAAAQAAAP8AAAABAAAAgAAAAAEAAAD/AAAAAQAAAIAAAAABAAAA/wAAAAEAAAALsncRroEXq4sdp5UjpJ8poakvnbM1mr0unl40mmg6' +
  'l3JAlHxGkIZMjZBSiZpYhqRRikVXhk9dg1ljgGNpfG1veXd1doF7cot1dix7czaBb0CHbEqMaFSSZV6YYmieXnI=';

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

describe('a JPEG with an odd header has the pixels of the same without', () => {
  const raw = Uint8Array.from({ length: 48 * 48 * 3 }, (_, i) => (i * 7 + (i >> 5) * 13) & 255);
  const picture = sharp(raw, { raw: { width: 48, height: 48, channels: 3 } });
  const insert = (jpeg: Buffer, at: number, ...bytes: number[]) =>
    Buffer.concat([jpeg.subarray(0, at), Buffer.from(bytes), jpeg.subarray(at)]);
  const find = (jpeg: Buffer, marker: number) => jpeg.indexOf(Buffer.from([0xff, marker]));
  const adobe = (transform: number) => [0xff, 0xee, 0, 14, ...Buffer.from('Adobe'), 0, 100, 0, 0, 0, 0, transform];

  it.each<[string, (jpeg: Buffer) => Buffer]>([
    ['bytes behind its start', (jpeg) => insert(jpeg, 2, 0, 0)],
    ['bytes between two segments', (jpeg) => insert(jpeg, find(jpeg, 0xc0), 0x12, 0x34)],
    [
      'both, and a scan of other coefficients',
      (jpeg) => {
        const odd = insert(insert(jpeg, find(jpeg, 0xc4), 7), 2, 0);
        odd[find(odd, 0xda) + 12] = 0;
        return odd;
      },
    ],
    ['a colour transform that nobody knows', (jpeg) => insert(jpeg, 2, ...adobe(2))],
  ])('%s', async (_, change) => {
    const jpeg = await picture.clone().jpeg({ quality: 90 }).toBuffer();
    expect(await decodeImage(change(jpeg))).toEqual(await decodeImage(jpeg));
  });

  it('a colour transform of inks that nobody knows', async () => {
    const inks = await picture.clone().toColourspace('cmyk').jpeg({ quality: 90 }).toBuffer();
    const [usual, odd] = [2, 1].map((transform) => {
      const jpeg = Buffer.from(inks);
      jpeg[inks.indexOf('Adobe') + 11] = transform;
      return jpeg;
    });
    expect(await decodeImage(odd)).toEqual(await decodeImage(usual));
  });

  it('but what is wrong with its pixels is told', async () => {
    const jpeg = await picture.clone().jpeg({ quality: 90 }).toBuffer();
    await expect(decodeImage(insert(jpeg, 2, 0, 0).subarray(0, -40))).rejects.toThrow('expected a picture, got');
  });
});

describe('a JPEG with bytes between its scans', () => {
  const { file } = cases.find(({ name }) => name === 'JPEG, bytes between progressive scans')!;
  const odd = Buffer.from(fromBase64(file));
  const last = odd.lastIndexOf(Buffer.from([0xff, 0xda]));
  /** The same with something else at a place in its last scan. */
  const changed = (at: number, ...bytes: number[]): Buffer => {
    const copy = Buffer.from(odd);
    copy.set(bytes, at);
    return copy;
  };

  it('is refused where it is cut, or damaged besides', async () => {
    for (const length of [odd.length - 2, odd.length - 9, last + 12, last + 4]) {
      await expect(decodeImage(odd.subarray(0, length))).rejects.toThrow('expected a picture, got');
    }
    // Within the compressed values: a marker that ends them early, and a scan that repeats what was said.
    await expect(decodeImage(changed(last + 14, 0xff, 0xd9))).rejects.toThrow('expected a picture, got');
    await expect(decodeImage(changed(last + 5 + 2 * odd[last + 4], 99))).rejects.toThrow('expected a picture, got');
  });

  it('has a thumbnail', async () => {
    expect(await sharp(await jpegThumbnail(odd, 8)).metadata()).toMatchObject({ format: 'jpeg', width: 8 });
  });

  it('is given up where its scans are too many to look at one by one', async () => {
    const first = odd.indexOf(Buffer.from([0xff, 0xda]));
    const scans = Buffer.concat(Array.from({ length: 3000 }, () => odd.subarray(last, odd.length - 2)));
    const bomb = Buffer.concat([odd.subarray(0, first), scans, Buffer.from([0xff, 0xd9])]);
    const start = performance.now();
    await expect(decodeImage(bomb)).rejects.toThrow('expected a picture, got');
    expect(performance.now() - start).toBeLessThan(5000);
  });
});

describe('what is not read as Pillow reads it is refused', () => {
  it('an AVIF with subsampled chroma', async () => {
    const decoding = decodeImage(fromBase64(subsampled), { name: '7.avif' });
    await expect(decoding).rejects.toThrow('7.avif: expected an AVIF with whole colours (4:4:4 or grey), got one with');
  });

  it('an AVIF that is to be turned, whose sides Pillow does not exchange', async () => {
    await expect(decodeImage(fromBase64(TURNED))).rejects.toThrow('got one to be turned or mirrored');
  });

  it('a TIFF of brightness and colour differences, unless it is a JPEG within', async () => {
    await expect(decodeImage(fromBase64(YCBCR))).rejects.toThrow('expected a TIFF in grey, RGB or CMYK, got one of');
    const create = { width: 8, height: 4, channels: 3 as const, background: 'red' };
    const jpeg = await sharp({ create }).tiff({ compression: 'jpeg' }).toBuffer();
    expect((await decodeImage(jpeg)).width).toBe(8);
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
