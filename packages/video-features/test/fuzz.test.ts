import { readFileSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { zipSync } from 'fflate';
import sharp from 'sharp';
import { expect, it } from 'vitest';
import { FUZZ_RUNS, fuzz } from '../../../tools/fuzz.js';
import { SOURCE_LIMITS, SourceError, decodeImage, openFrameSource, readFrameZip } from '../src/index.js';
import { fixtureBytes } from './fixtures.js';
import { temporaryFolder } from './folder.js';

const HOUR = 3_600_000;
const LIMITS = { maxBytes: 2 ** 20, maxPixels: 2 ** 18 };
const errors = [SourceError];

it.each([0, 6] as const)(
  'refuses broken zips in words or reads them (level %i)',
  async (level) => {
    const original = zipSync({ 'a.jpg': fixtureBytes('grey.jpg'), 'b.png': fixtureBytes('small.png') }, { level });
    const refused = await fuzz({ name: `zip ${level}`, original, read: (bytes) => readFrameZip(bytes), errors });
    expect(refused).toBeGreaterThan(FUZZ_RUNS / 3);
  },
  HOUR,
);

const picture = () => sharp(fixtureBytes('grey.jpg'));
it.each([
  ['jpeg', () => Promise.resolve(fixtureBytes('grey.jpg'))],
  ['png', () => Promise.resolve(fixtureBytes('small.png'))],
  ['webp', () => picture().webp().toBuffer()],
  ['gif', () => picture().gif().toBuffer()],
  ['tiff', () => picture().tiff().toBuffer()],
  ['avif', () => picture().resize(16).avif().toBuffer()],
] as const)(
  'refuses broken pictures in words or decodes them: %s',
  async (name, make) => {
    const read = (bytes: Buffer) => decodeImage(bytes, { limits: LIMITS });
    expect(await fuzz({ name, original: await make(), read, errors })).toBeGreaterThan(FUZZ_RUNS / 10);
  },
  HOUR,
);

/** Opens a file and reads every frame. */
async function readVideo(path: string, bytes: Buffer): Promise<void> {
  writeFileSync(path, bytes);
  const limits = { ...SOURCE_LIMITS, image: LIMITS, maxFrames: 5000, maxSeconds: 8 };
  const source = await openFrameSource(path, { limits, backend: 'ffmpeg' });
  try {
    const indices = Array.from({ length: Math.min(source.count, 8) }, (_, i) => i);
    for await (const { data } of source.read(indices)) expect(data.length).toBeGreaterThan(0);
  } finally {
    await source.close();
  }
}

/** Damage at the start may make another kind of file of it, which needs a decoder that is not here: the head stays. */
function keepHead(bytes: Buffer, original: Uint8Array): Buffer {
  return Buffer.concat([original.subarray(0, 16), bytes.subarray(16)]);
}

it.each(['webp', 'gif'] as const)(
  'refuses broken animations in words or reads them: %s',
  async (format) => {
    const pages = await Promise.all(
      [0, 1, 2].map((i) =>
        picture()
          .resize(24, 18)
          .rotate(90 * i)
          .resize(24, 18, { fit: 'fill' })
          .png()
          .toBuffer(),
      ),
    );
    const film = sharp(pages, { join: { animated: true } });
    const original = await film[format]().toBuffer();
    const path = join(temporaryFolder(), `v.${format}`);
    const read = (bytes: Buffer) => readVideo(path, keepHead(bytes, original));
    expect(await fuzz({ name: `animated ${format}`, original, read, errors })).toBeGreaterThan(FUZZ_RUNS / 20);
  },
  HOUR,
);

/** Needs ffmpeg, and short videos: WBDC_FUZZ_VIDEOS=a.mp4,b.webm */
const VIDEOS = (process.env['WBDC_FUZZ_VIDEOS'] ?? '').split(',').filter(Boolean);
it.skipIf(VIDEOS.length === 0).each(VIDEOS)(
  'refuses broken videos in words or reads them: %s',
  async (video) => {
    const path = join(temporaryFolder(), `v${extname(video)}`);
    const read = (bytes: Buffer) => readVideo(path, bytes);
    await fuzz({ name: video, original: readFileSync(video), read, errors });
  },
  HOUR,
);
