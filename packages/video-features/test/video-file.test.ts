import { chmodSync, readdirSync, writeFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SOURCE_LIMITS, SourceError, openFrameBytes, openFrameSource, type FrameSource } from '../src/index.js';
import { turn } from '../src/sources/mediabunny.js';
import { readPpm } from '../src/sources/ppm.js';
import { openWithAny } from '../src/sources/video-file.js';
import { temporaryFolder } from './folder.js';

/** Stand-ins for the programs. Frame n of their video is 3 x 2 pixels of n. */
const FFPROBE = `#!/bin/sh
[ "$1" = -version ] && exit 0
for name; do :; done
case "$name" in
  *cut*) echo 'moov atom not found' >&2; exit 1 ;;
  *sound*) exit 0 ;;
  *huge*) size=40000,40000 ;;
  file:/*) size=3,2 ;;
  *) echo "expected a file: $name" >&2; exit 1 ;;
esac
case "$name" in *partial*) echo '[mov] stream 0: partial file' >&2 ;; *counted*) size=3,2,9 ;; *) size=$size,N/A ;; esac
printf 'packet,%s\\n' 0.40,K__ 0.80,___ 0.60,___ -0.2,KD_ 1.00,___ 1.20,___
echo "stream,$size"
`;
const FFMPEG = `
  require('node:fs').writeFileSync('FOLDER/arguments', process.argv.join(' '));
  const filter = process.argv[process.argv.indexOf('-vf') + 1];
  const runs = [...filter.matchAll(/between\\(n\\\\,(\\d+)\\\\,(\\d+)\\)/g)];
  for (const [, from, to] of runs) for (let n = +from; n <= +to; n++) {
    if (process.argv.some((part) => part.includes('short')) && n === 4) process.exit(0);
    process.stdout.write(Buffer.concat([Buffer.from('P6\\n3 2\\n255\\n'), Buffer.alloc(18, n)]));
  }`;

function installPrograms(folder: string): void {
  writeFileSync(join(folder, 'arguments'), '');
  writeFileSync(join(folder, 'ffmpeg.cjs'), FFMPEG.replace('FOLDER', folder));
  const ffmpeg = `#!/bin/sh\n[ "$1" = -version ] && exit 0\nexec '${process.execPath}' '${folder}/ffmpeg.cjs' "$@"\n`;
  for (const [name, code] of Object.entries({ ffmpeg, ffprobe: FFPROBE })) {
    writeFileSync(join(folder, name), code);
    chmodSync(join(folder, name), 0o755);
  }
}

async function values(source: FrameSource, indices: number[]): Promise<number[]> {
  const found: number[] = [];
  for await (const { width, height, data } of source.read(indices)) {
    expect([width, height, new Set(data).size]).toEqual([3, 2, 1]);
    found.push(data[0]);
  }
  return found;
}

describe('a video file through ffmpeg', () => {
  let folder: string;
  const open = (name: string, limits = SOURCE_LIMITS) => {
    writeFileSync(join(folder, name), 'a video');
    return openFrameSource(join(folder, name), { backend: 'ffmpeg', limits });
  };
  beforeEach(() => {
    folder = temporaryFolder();
    installPrograms(folder);
    vi.stubEnv('PATH', folder);
  });
  afterEach(() => void vi.unstubAllEnvs());

  it('knows count and times without decoding, in the order of showing, without hidden frames', async () => {
    const source = await open('v.mp4');
    expect(source.count).toBe(5);
    expect(source.times?.map((time) => time.toFixed(3))).toEqual(['0.000', '0.200', '0.400', '0.600', '0.800']);
  });

  it('decodes the frames it is asked for', async () => {
    const source = await open('v.mp4');
    expect(await values(source, [0, 2, 3])).toEqual([0, 2, 3]);
    expect(await values(source, [])).toEqual([]);
  });

  it('asks for 8 bits a colour, and opens local videos alone: no playlists', async () => {
    await values(await open('v.mp4'), [0]);
    const said = readFileSync(join(folder, 'arguments'), 'utf8');
    expect(said).toContain('-pix_fmt rgb24');
    expect(said).toMatch(/-protocol_whitelist file -format_whitelist mov,mp4,\S+ -i file:/);
    expect(said).not.toMatch(/format_whitelist \S*(hls|concat|lavfi|image2)/);
  });

  it('writes one from memory to a file of its own, and removes that', async () => {
    vi.stubEnv('TMPDIR', folder);
    const before = readdirSync(folder);
    const source = await openFrameBytes(Buffer.from('a video'), 'the upload', { backend: 'ffmpeg' });
    expect([source.name, source.count]).toEqual(['the upload', 5]);
    expect(readdirSync(folder)).toHaveLength(before.length + 1);
    expect(await values(source, [0, 3])).toEqual([0, 3]);
    await source.close();
    expect(readdirSync(folder)).toEqual(before);
    const limits = { ...SOURCE_LIMITS, maxFrames: 4 };
    await expect(openFrameBytes(Buffer.from('x'), 'the upload', { backend: 'ffmpeg', limits })).rejects.toThrow(
      'the upload: expected at most 4 frames',
    );
    expect(readdirSync(folder)).toEqual(before);
  });

  it('says when the file is cut, has no pictures or is too large', async () => {
    await expect(open('cut.mp4')).rejects.toThrow(/cut\.mp4: expected a video that ffprobe reads, got: moov atom/);
    await expect(open('sound.mp4')).rejects.toThrow('sound.mp4: expected a video, found no video track');
    await expect(open('counted.mp4')).rejects.toThrow('expected 9 frames, got 6 frames: the file is cut off');
    await expect(open('partial.webm')).rejects.toThrow('expected a whole file, got 6 frames: the file is cut off');
    await expect(open('huge.mp4')).rejects.toThrow('at most 50000000 pixels, got 40000 x 40000');
    await expect(open('v.mp4', { ...SOURCE_LIMITS, maxFrames: 4 })).rejects.toThrow('expected at most 4 frames');
    const short = await open('short.mp4');
    const reading = values(short, [1, 4]);
    await expect(reading).rejects.toThrow(SourceError);
    await expect(reading).rejects.toThrow('expected 2 frames, got 1: is the file cut off?');
  });
});

it('says once what to install when nothing decodes video files', async () => {
  const folder = temporaryFolder();
  vi.stubEnv('PATH', folder);
  writeFileSync(join(folder, 'v.mp4'), 'a video');
  const opening = openFrameSource(join(folder, 'v.mp4'), { backend: 'ffmpeg' });
  await expect(opening).rejects.toThrow('found none. Install one: npm install mediabunny @mediabunny/server; or put');
  await expect(opening).rejects.not.toThrow(SourceError); // not the fault of one video
  vi.unstubAllEnvs();
});

describe('several decoders', () => {
  const source = (count: number): FrameSource => ({
    name: 'v.avi',
    count,
    async *read() {},
    close: async () => undefined,
  });
  const reads = (name: 'mediabunny' | 'ffmpeg', count: number) => ({ name, open: async () => source(count) });
  const refuses = (name: 'mediabunny' | 'ffmpeg', reason: string) => ({
    name,
    open: () => Promise.reject(new SourceError(`v.avi: ${reason}`)),
  });
  const open = (...decoders: Parameters<typeof openWithAny>[0]) => openWithAny(decoders, 'v.avi', SOURCE_LIMITS);

  it('are tried in turn for every file: one knows a format that another does not', async () => {
    expect((await open(refuses('mediabunny', 'unknown format.'), reads('ffmpeg', 5))).count).toBe(5);
    expect((await open(reads('mediabunny', 0), reads('ffmpeg', 5))).count).toBe(5);
    expect((await open(reads('mediabunny', 3), refuses('ffmpeg', 'never asked.'))).count).toBe(3);
  });

  it('say together why none of them reads a file', async () => {
    const none = open(refuses('mediabunny', 'unknown format.'), refuses('ffmpeg', 'moov atom not found.'));
    await expect(none).rejects.toThrow(SourceError);
    await expect(none).rejects.toThrow(
      'v.avi: no decoder reads it. mediabunny: unknown format. ffmpeg: moov atom not found.',
    );
    await expect(open(refuses('ffmpeg', 'moov atom not found.'))).rejects.toThrow('v.avi: moov atom not found.');
  });

  it('are not tried after a failure that is not the fault of the file', async () => {
    const broken = { name: 'mediabunny' as const, open: () => Promise.reject(new RangeError('disk')) };
    await expect(open(broken, reads('ffmpeg', 5))).rejects.toThrow(RangeError);
  });
});

describe('readPpm', () => {
  const stream = Buffer.concat(
    [1, 2, 3].map((n) => Buffer.concat([Buffer.from(`P6\n${n} 2\n255\n`), Buffer.alloc(n * 6, 10 + n)])),
  );
  const read = async (bytes: Uint8Array, step: number) => {
    const chunks = async function* () {
      for (let at = 0; at < bytes.length; at += step) yield bytes.subarray(at, at + step);
    };
    const images = [];
    for await (const image of readPpm(chunks(), 'v', 100)) images.push(image);
    return images;
  };

  it.each([1, 7, 1000])('reads pictures from chunks of %i bytes', async (step) => {
    const images = await read(stream, step);
    expect(images.map(({ width, height, data }) => [width, height, data.length, data.at(-1)])).toEqual([
      [1, 2, 6, 11],
      [2, 2, 12, 12],
      [3, 2, 18, 13],
    ]);
  });

  it('leaves out what is cut off, and refuses what is no picture or too large', async () => {
    expect(await read(stream.subarray(0, -1), 1000)).toHaveLength(2);
    await expect(read(Buffer.alloc(50, 'x'), 1000)).rejects.toThrow('v: expected a PPM picture');
    await expect(read(Buffer.from('P6\n20 6\n255\n'), 1000)).rejects.toThrow('at most 100 pixels, got 20 x 6');
  });
});

it('turns a picture clockwise', () => {
  const image = { width: 2, height: 1, data: Uint8Array.of(1, 1, 1, 2, 2, 2) };
  expect(turn(image, 90)).toEqual({ width: 1, height: 2, data: image.data });
  expect(turn(image, 180).data).toEqual(Uint8Array.of(2, 2, 2, 1, 1, 1));
  expect(turn(image, 270)).toEqual({ width: 1, height: 2, data: Uint8Array.of(2, 2, 2, 1, 1, 1) });
});
