import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import {
  CLIP_PREPROCESSING,
  SOURCE_LIMITS,
  SourceError,
  decodeImage,
  decodeVideo,
  framesOf,
  openFrameBytes,
  openFrameSource,
  type FrameSource,
} from '../src/index.js';
import { fixtureBytes } from './fixtures.js';
import { temporaryFolder } from './folder.js';

const COLOURS = ['#f00000', '#00f000', '#0000f0', '#f0f000', '#00f0f0'];

function picture(colour: string): Promise<Buffer> {
  return sharp({ create: { width: 7, height: 5, channels: 3, background: colour } })
    .png()
    .toBuffer();
}

/** An animation of one colour a frame, shown 110 ms, 220 ms... */
async function animation(format: 'gif' | 'webp'): Promise<Buffer> {
  const pages = await Promise.all(COLOURS.map((colour) => picture(colour)));
  const roll = sharp(pages, { join: { animated: true } });
  const delay = COLOURS.map((_, i) => 110 * (i + 1));
  return format === 'gif' ? roll.gif({ delay }).toBuffer() : roll.webp({ delay, lossless: true }).toBuffer();
}

async function firstPixels(source: FrameSource, indices: number[]): Promise<string[]> {
  const colours: string[] = [];
  for await (const { data, width, height } of source.read(indices)) {
    expect([width, height, data.length]).toEqual([7, 5, 105]);
    colours.push(`#${Buffer.from(data.subarray(0, 3)).toString('hex')}`);
  }
  return colours;
}

describe('openFrameSource', () => {
  it('reads a folder and a zip in the order of the numbers in names, and skips what is no picture', async () => {
    const folder = temporaryFolder();
    const numbers = [1, 2, 9, 10, 11];
    const files: Record<string, Uint8Array> = {};
    for (const [i, number] of numbers.entries()) files[`frame${number}.png`] = await picture(COLOURS[i]);
    for (const name of ['Thumbs.db', 'desktop.ini', '.DS_Store', 'meta.json']) files[name] = Buffer.from('x');
    mkdirSync(join(folder, 'v', '__MACOSX'), { recursive: true });
    for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, 'v', name), bytes);
    writeFileSync(join(folder, 'v.zip'), zipSync({ ...files, 'in/__MACOSX/frame1.png': Buffer.from('x') }));
    for (const name of ['v', 'v.zip']) {
      const source = await openFrameSource(join(folder, name));
      expect(source.count).toBe(numbers.length);
      expect(await firstPixels(source, [0, 1, 2, 3, 4])).toEqual(COLOURS);
    }
  });

  it('names what a folder has in place of pictures', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'notes.json'), '{}');
    writeFileSync(join(folder, 'Thumbs.db'), 'x');
    const opening = openFrameSource(folder);
    await expect(opening).rejects.toThrow(`${folder}: expected at least one picture, got another file: "notes.json"`);
  });

  it('reads a folder and a zip of pictures in the order of names', async () => {
    const folder = temporaryFolder();
    const files: Record<string, Uint8Array> = {};
    for (const [i, name] of ['c.png', 'a.png', 'b.png'].entries()) files[name] = await picture(COLOURS[i]);
    writeFileSync(join(folder, 'v.zip'), zipSync(files));
    mkdirSync(join(folder, 'v', 'sub'), { recursive: true });
    for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, 'v', name), bytes);
    writeFileSync(join(folder, 'v', '.hidden'), 'x');
    for (const name of ['v', 'v.zip']) {
      const source = await openFrameSource(join(folder, name));
      expect([source.count, source.times]).toEqual([3, undefined]);
      expect(await firstPixels(source, [0, 1, 2])).toEqual([COLOURS[1], COLOURS[2], COLOURS[0]]);
      expect(await firstPixels(source, [2])).toEqual([COLOURS[0]]);
    }
  });

  it.each(['gif', 'webp'] as const)(
    'reads an animated %s with its times, all at once or page by page',
    async (format) => {
      const path = join(temporaryFolder(), 'animation.without-a-known-ending');
      writeFileSync(path, await animation(format));
      const source = await openFrameSource(path);
      expect([source.count, source.times]).toEqual([5, [0, 0.11, 0.33, 0.66, 1.1]]);
      expect(await firstPixels(source, [1, 3, 4])).toEqual([COLOURS[1], COLOURS[3], COLOURS[4]]);
      const limits = { ...SOURCE_LIMITS, image: { ...SOURCE_LIMITS.image, maxPixels: 7 * 5 } };
      expect(await firstPixels(await openFrameSource(path, { limits }), [0, 3])).toEqual([COLOURS[0], COLOURS[3]]);
      const few = openFrameSource(path, { limits: { ...SOURCE_LIMITS, maxFrames: 4 } });
      await expect(few).rejects.toThrow('expected at most 4 frames, got 5');
    },
  );

  it('takes a still picture for one frame without a time', async () => {
    const path = join(temporaryFolder(), 'still');
    writeFileSync(path, fixtureBytes('wide.jpg'));
    expect(await openFrameSource(path)).toMatchObject({ count: 1 });
    expect(await openFrameSource(path)).not.toHaveProperty('times');
  });

  it('reads a zip, an animation and a still picture from memory as from a file', async () => {
    const folder = temporaryFolder();
    const pictures = Object.fromEntries(
      await Promise.all(COLOURS.map(async (colour, i) => [`${i}.png`, await picture(colour)] as const)),
    );
    const files = { zip: zipSync(pictures), gif: await animation('gif'), png: pictures['0.png'] };
    for (const [name, bytes] of Object.entries(files)) {
      writeFileSync(join(folder, name), bytes);
      const [file, memory] = [await openFrameSource(join(folder, name)), await openFrameBytes(bytes, 'the upload')];
      expect([memory.count, memory.times]).toEqual([file.count, file.times]);
      const indices = [...Array(file.count).keys()];
      expect(await firstPixels(memory, indices)).toEqual(await firstPixels(file, indices));
    }
    await expect(openFrameBytes(files.gif.subarray(0, 11), 'the upload')).rejects.toThrow(
      /^the upload: expected a picture, got/,
    );
    await expect(openFrameBytes(new Uint8Array(), 'the upload')).rejects.toThrow(SourceError);
  });

  it('knows videos of no frames, which are left out', async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'none'));
    writeFileSync(join(folder, 'none.zip'), zipSync({ 'sub/': new Uint8Array(0) }));
    const settings = { preprocessing: CLIP_PREPROCESSING, sampling: { kind: 'all' } } as const;
    for (const name of ['none', 'none.zip']) {
      expect((await openFrameSource(join(folder, name))).count).toBe(0);
      const decoding = decodeVideo({ id: '123', path: join(folder, name) }, settings);
      await expect(decoding).rejects.toThrow(SourceError);
      await expect(decoding).rejects.toThrow(`${name}: expected at least one frame, got none. Leave the video out.`);
    }
  });

  it('says what is missing, empty or broken', async () => {
    const folder = temporaryFolder();
    const write = (name: string, bytes: Uint8Array): string => {
      writeFileSync(join(folder, name), bytes);
      return join(folder, name);
    };
    const open = async (path: string) => openFrameSource(path);
    await expect(open(join(folder, 'none'))).rejects.toThrow(
      'none: expected a video or a folder of pictures, found none',
    );
    await expect(open(write('empty', new Uint8Array(0)))).rejects.toThrow('empty: expected a video, got an empty file');
    await expect(open('/dev/null')).rejects.toThrow('expected a file or folder, got a device');
    const cut = open(write('cut.gif', (await animation('gif')).subarray(0, 11)));
    await expect(cut).rejects.toThrow(SourceError);
    await expect(cut).rejects.toThrow(/cut\.gif: expected a picture, got/);
  });
});

describe('framesOf', () => {
  const read = async (data: Uint8Array | Uint8ClampedArray): Promise<number[]> => {
    const [image] = framesOf([{ width: 2, height: 1, data }], 'v').read([0]) as Iterable<{ data: Uint8Array }>;
    return [...image.data];
  };

  it('takes RGB as it is, and puts RGBA on white', async () => {
    expect(await read(Uint8Array.of(1, 2, 3, 4, 5, 6))).toEqual([1, 2, 3, 4, 5, 6]);
    expect(await read(Uint8ClampedArray.of(1, 2, 3, 255, 0, 100, 200, 102))).toEqual([1, 2, 3, 153, 193, 233]);
  });

  it('gives the pixels of a transparent picture file', async () => {
    const data = Uint8Array.from({ length: 4 * 256 }, (_, i) => (i % 4 === 3 ? i >> 2 : (37 * i) % 256));
    const file = await sharp(data, { raw: { width: 16, height: 16, channels: 4 } })
      .png()
      .toBuffer();
    const decoded = await decodeImage(file);
    const [image] = framesOf([{ width: 16, height: 16, data }], 'v').read([0]) as Iterable<typeof decoded>;
    expect(image.data).toEqual(decoded.data);
  });

  it('refuses pixels of another size', async () => {
    await expect(read(new Uint8Array(7))).rejects.toThrow(SourceError);
    await expect(read(new Uint8Array(7))).rejects.toThrow(
      'v: frame 0: expected 6 (RGB) or 8 (RGBA) bytes for 2 x 1 pixels, got 7',
    );
  });
});
