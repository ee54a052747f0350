import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
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
    drawings.map(async ({ vendor, path }, index) => ({
      name: `${index}-${vendor}.jpg`,
      bytes: await drawFrame(path, imageSize),
    })),
  );
}

async function drawFrame(path: string, size: number): Promise<Uint8Array> {
  const source = await readFile(path);
  const drawing = path.endsWith('.svg') ? openVector(source, size) : sharp(source).flatten({ background: '#fff' });
  return drawing.resize(size, size, { fit: 'fill' }).jpeg({ quality: 88 }).toBuffer();
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
