import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { wbdcLayout, writeFrameZip } from '@wbdc/data';
import { foldIn, randomInt, randomKey, type Key } from '@wbdc/nn';
import sharp from 'sharp';

/** Sizes of videos as they come. */
const SIZES = [
  [640, 360],
  [960, 540],
  [1280, 720],
] as const;
const DRAWINGS = 60;

export interface Videos {
  /** Paths of the zips. */
  readonly paths: readonly string[];
  readonly framesEach: number;
  /** Mean bytes of a picture. */
  readonly bytes: number;
}

/** Zips of JPEGs in the official layout: real drawings (fluent-emoji-3d) over blurred ones, a few on every frame. */
export async function makeVideos(folder: string, count: number, framesEach: number): Promise<Videos> {
  const drawings = readDrawings();
  const paths: string[] = [];
  let bytes = 0;
  for (let v = 0; v < count; v++) {
    const key = foldIn(randomKey(11), v);
    const [width, height] = SIZES[v % SIZES.length];
    const background = await makeBackground(drawings[randomInt(key, 0, drawings.length)], width, height);
    const frames = await Promise.all(
      Array.from({ length: framesEach }, async (_, i) => ({
        name: `${String(i).padStart(5, '0')}.jpg`,
        bytes: await makeFrame(foldIn(key, i), background, drawings, width, height),
      })),
    );
    const path = wbdcLayout(folder).frameZip('bench', String(10n ** 19n + BigInt(v * 7919)));
    await writeFrameZip(path, frames);
    paths.push(path);
    bytes += frames.reduce((sum, frame) => sum + frame.bytes.length, 0);
  }
  return { paths, framesEach, bytes: bytes / count / framesEach };
}

function readDrawings(): Buffer[] {
  const require = createRequire(import.meta.url);
  const folder = join(dirname(require.resolve('@lobehub/fluent-emoji-3d/package.json')), 'assets');
  const names = readdirSync(folder)
    .filter((name) => name.endsWith('.webp'))
    .sort();
  const step = Math.floor(names.length / DRAWINGS);
  return Array.from({ length: DRAWINGS }, (_, i) => readFileSync(join(folder, names[i * step])));
}

function makeBackground(drawing: Buffer, width: number, height: number): Promise<Buffer> {
  return sharp(drawing)
    .flatten({ background: '#7a9cb8' })
    .resize(width, height, { fit: 'cover' })
    .blur(20)
    .png()
    .toBuffer();
}

async function makeFrame(
  key: Key,
  background: Buffer,
  drawings: readonly Buffer[],
  width: number,
  height: number,
): Promise<Buffer> {
  const layers = Array.from({ length: 6 }, async (_, k) => {
    const draw = (n: number, bound: number): number => randomInt(key, 8 * k + n, bound);
    const side = Math.round((height * (20 + draw(0, 50))) / 100);
    const input = await sharp(drawings[draw(1, drawings.length)]).resize(side, side).png().toBuffer();
    return { input, left: draw(2, width - side), top: draw(3, height - side) };
  });
  return sharp(background)
    .composite(await Promise.all(layers))
    .jpeg({ quality: 88 })
    .toBuffer();
}
