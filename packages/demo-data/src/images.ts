import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { WbdcError } from '@wbdc/io/errors';
import { strokesSvg } from './large/strokes.js';
import type { Sharp } from 'sharp';
import type { Drawing } from './sources.js';

/** One frame of a video as it stands in its zip. */
export interface FrameImage {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** The frames of a video: `imageSize` pixels square, on white, named so that the sorted names give the order. */
export function drawFrames(drawings: readonly Drawing[], imageSize: number): Promise<FrameImage[]> {
  return Promise.all(
    drawings.map(async (drawing, index) => ({
      name: `${index}-${drawing.vendor}.jpg`,
      bytes: await drawFrame(drawing, imageSize),
    })),
  );
}

async function drawFrame({ path, shown }: Drawing, size: number): Promise<Uint8Array> {
  const file = await readFile(path);
  const source = shown === undefined ? file : Buffer.from(strokesSvg(strokesIn(file, path), shown));
  const drawing =
    shown !== undefined || path.endsWith('.svg')
      ? openVector(source, size)
      : sharp(source).flatten({ background: '#fff' });
  return drawing.resize(size, size, { fit: 'fill' }).jpeg({ quality: 88 }).toBuffer();
}

function strokesIn(file: Buffer, where: string): string[] {
  const { strokes } = JSON.parse(file.toString('utf8')) as { strokes?: unknown };
  if (Array.isArray(strokes) && strokes.length > 0 && strokes.every((path) => typeof path === 'string')) return strokes;
  throw new WbdcError({ where, expected: 'strokes as SVG paths', got: 'none' });
}

/**
 * White paper is laid under the drawing inside the SVG, and the density makes librsvg draw at the final size: sharp's
 * own `flatten` and a true resize cost half as much again.
 */
function openVector(source: Buffer, size: number): Sharp {
  const svg = source.toString('utf8');
  const width = Number(/viewBox="\S+ \S+ (\S+)/.exec(svg)?.[1] ?? size);
  const onPaper = svg.replace(/<svg[^>]*>/, '$&<rect width="100%" height="100%" fill="#fff"/>');
  return sharp(Buffer.from(onPaper), { density: (72 * size) / width }).removeAlpha();
}
