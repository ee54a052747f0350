import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { IMAGE_LIMITS, SourceError, decodeImage } from '../src/index.js';
import { fixtureBytes, fixtureJson, fromBase64, type ImageFixture } from './fixtures.js';

const { decoded } = fixtureJson<ImageFixture>('clip-image.json');

describe('decodeImage', () => {
  it.each(decoded)('gives the pixels of Pillow for $file', async ({ file, pixels }) => {
    expect((await decodeImage(fixtureBytes(file))).data).toEqual(fromBase64(pixels));
  });

  it('puts transparent pixels on white, half transparent ones half', async () => {
    const raw = Uint8Array.of(200, 100, 0, 0, 200, 100, 0, 255, 0, 0, 0, 128);
    const png = await sharp(raw, { raw: { width: 3, height: 1, channels: 4 } })
      .png()
      .toBuffer();
    const { data, width, height } = await decodeImage(png);
    expect([width, height, ...data]).toEqual([3, 1, 255, 255, 255, 200, 100, 0, 127, 127, 127]);
  });

  it('turns grey with transparency and 16 bits into 8-bit RGB', async () => {
    const grey = await sharp(Uint8Array.of(10, 0, 70, 255), { raw: { width: 2, height: 1, channels: 2 } })
      .png()
      .toBuffer();
    expect((await decodeImage(grey)).data).toEqual(Uint8Array.of(255, 255, 255, 70, 70, 70));
    const deep = await sharp({ create: { width: 1, height: 1, channels: 3, background: '#40c020' } })
      .toColourspace('rgb16')
      .png()
      .toBuffer();
    expect((await decodeImage(deep)).data).toEqual(Uint8Array.of(0x40, 0xc0, 0x20));
  });

  it('names the file that is broken, cut, empty or of another kind', async () => {
    const cut = fixtureBytes('wide.jpg').subarray(0, 3001);
    for (const bytes of [cut, new Uint8Array(0), new TextEncoder().encode('no picture')]) {
      const decoding = decodeImage(bytes, { name: 'a.zip: 7.jpg' });
      await expect(decoding).rejects.toThrow(SourceError);
      await expect(decoding).rejects.toThrow(/^a\.zip: 7\.jpg: expected a picture, got.*Replace the file/);
    }
  });

  it('says the same of the same file, however many are read at once', async () => {
    const text = new TextEncoder().encode('RIFF\x20\0\0\0WEBPVP8 no picture, whatever its first bytes are');
    const reasons = await Promise.all(
      Array.from({ length: 40 }, () => decodeImage(text).catch(({ message }) => message)),
    );
    expect(new Set(reasons)).toEqual(
      new Set([
        'image: expected a picture, got: Input buffer has corrupt header. Replace the file, or leave the video out.',
      ]),
    );
  });

  it('refuses a decompression bomb before it unpacks', async () => {
    const bomb = await sharp({ create: { width: 300, height: 200, channels: 3, background: 'red' } })
      .png()
      .toBuffer();
    const limit = (limits: Partial<typeof IMAGE_LIMITS>) =>
      decodeImage(bomb, { name: 'bomb.png', limits: { ...IMAGE_LIMITS, ...limits } });
    await expect(limit({ maxPixels: 59_999 })).rejects.toThrow(/bomb\.png.*pixel limit/);
    expect((await limit({ maxPixels: 60_000 })).data).toHaveLength(180_000);
    await expect(limit({ maxBytes: 100 })).rejects.toThrow(`at most 100 bytes, got ${bomb.length}`);
  });

  it.each([
    [1, 3, [0, 40]],
    [2, 3, [80, 40]],
    [3, 3, [200, 160]],
    [4, 3, [120, 160]],
    [5, 2, [0, 120]],
    [6, 2, [120, 0]],
    [7, 2, [200, 80]],
    [8, 2, [80, 200]],
  ])('turns a TIFF by its orientation tag, as Pillow does, and no JPEG: %i', async (orientation, width, start) => {
    const red = Uint8Array.from({ length: 18 }, (_, i) => (i % 3 === 0 ? 40 * (i / 3) : 7));
    const tagged = sharp(red, { raw: { width: 3, height: 2, channels: 3 } }).withMetadata({ orientation });
    const turned = await decodeImage(await tagged.clone().tiff({ compression: 'none' }).toBuffer());
    expect([turned.width, turned.data[0], turned.data[3]]).toEqual([width, ...start]);
    expect((await decodeImage(await tagged.clone().jpeg().toBuffer())).width).toBe(3);
  });
});
