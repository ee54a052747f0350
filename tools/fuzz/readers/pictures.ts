import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  decodeImage,
  openFrameBytes,
  openFrameSource,
  readFrameZip,
  SOURCE_LIMITS,
  type FrameSource,
} from '@wbdc/video-features';
import { zipSync } from 'fflate';
import sharp from 'sharp';
import type { Reader, Sample } from '../reader.js';
import { fixture } from './common.js';

const GREY = readFileSync(fixture('video-features', 'grey.jpg'));
const SMALL = readFileSync(fixture('video-features', 'small.png'));
const IMAGE_LIMITS = { maxBytes: 2 ** 20, maxPixels: 2 ** 18 };
const LIMITS = { ...SOURCE_LIMITS, image: IMAGE_LIMITS, maxFrames: 5000, maxSeconds: 8 };

async function pictures(): Promise<Sample[]> {
  const picture = () => sharp(GREY);
  return [
    { name: 'a.jpg', bytes: GREY },
    { name: 'a.png', bytes: SMALL },
    { name: 'a.webp', bytes: await picture().webp().toBuffer() },
    { name: 'a.gif', bytes: await picture().gif().toBuffer() },
    { name: 'a.tiff', bytes: await picture().tiff().toBuffer() },
    { name: 'a.avif', bytes: await picture().resize(16).avif().toBuffer() },
  ];
}

async function film(format: 'webp' | 'gif'): Promise<Sample> {
  const page = (i: number): Promise<Buffer> =>
    sharp(GREY)
      .resize(24, 18, { fit: 'fill' })
      .linear(1, 20 * i)
      .png()
      .toBuffer();
  const pages = await Promise.all([0, 1, 2].map(page));
  const joined = sharp(pages, { join: { animated: true } });
  return { name: `film.${format}`, bytes: await joined.toFormat(format).toBuffer() };
}

/** Opens a file and reads some of its frames. */
async function readFrames(path: string, bytes: Buffer): Promise<void> {
  const options = { limits: LIMITS, backend: 'ffmpeg' } as const;
  await readSource(await openFrameSource(path, options));
  await readSource(await openFrameBytes(bytes, path, options));
}

async function readSource(source: FrameSource): Promise<void> {
  try {
    const indices = Array.from({ length: Math.min(source.count, 4) }, (_, i) => i);
    for await (const { data } of source.read(indices)) if (data.length === 0) throw new Error('a frame without pixels');
  } finally {
    await source.close();
  }
}

function needsFfmpeg(): string | undefined {
  try {
    execFileSync('ffmpeg', ['-version'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'ffmpeg is not installed';
  }
}

export const PICTURES: readonly Reader[] = [
  {
    name: 'video-features: readFrameZip',
    corpus: () => [
      { name: 'stored.zip', bytes: zipSync({ 'a.jpg': GREY, 'b.png': SMALL }, { level: 0 }) },
      { name: 'packed.zip', bytes: zipSync({ 'a.jpg': GREY, 'b.png': SMALL }, { level: 6 }) },
    ],
    read: ({ bytes }) => readFrameZip(bytes),
  },
  {
    name: 'video-features: decodeImage',
    corpus: pictures,
    tokens: ['<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">', '<?xml '],
    read: ({ bytes }) => decodeImage(bytes, { limits: IMAGE_LIMITS }),
  },
  {
    name: 'video-features: openFrameSource',
    covers: ['video-features: openFrameBytes'],
    // Damage at the start may make a video file of it.
    skip: needsFfmpeg,
    corpus: async () => [await film('webp'), await film('gif')],
    read: ({ path, bytes }) => readFrames(path, bytes),
  },
  {
    name: 'video-features: openFrameSource (videos)',
    skip: needsFfmpeg,
    corpus: (folder) =>
      ['a.mp4', 'a.mkv', 'a.webm'].map((name) => {
        const path = join(folder, name);
        const codec = name.endsWith('webm') ? ['-c:v', 'libvpx'] : ['-c:v', 'mpeg4'];
        const source = ['-f', 'lavfi', '-i', 'testsrc=size=32x24:rate=4:duration=1'];
        execFileSync('ffmpeg', ['-loglevel', 'error', '-y', ...source, ...codec, path]);
        return { name, bytes: readFileSync(path) };
      }),
    most: { seconds: 12 },
    read: ({ path, bytes }) => readFrames(path, bytes),
  },
];
