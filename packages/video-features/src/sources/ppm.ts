import { SourceError } from '../errors.js';
import type { Image } from '../image-data.js';

const HEADER = /^P6\s(\d+)\s(\d+)\s255\s/;
const HEADER_BYTES = 40;

/** Pictures of a stream of binary PPM files, each with its own size. A picture cut off at the end is left out. */
export async function* readPpm(
  stream: AsyncIterable<Uint8Array>,
  name: string,
  maxPixels: number,
): AsyncGenerator<Image> {
  let rest = Buffer.alloc(0);
  let image: Image | undefined;
  let filled = 0;
  for await (const chunk of stream) {
    rest = Buffer.concat([rest, chunk]); // what is left over is shorter than a header
    for (;;) {
      if (!image) {
        const header = HEADER.exec(rest.toString('latin1', 0, HEADER_BYTES));
        if (!header && rest.length < HEADER_BYTES) break;
        if (!header) throw new SourceError(`${name}: expected a PPM picture from the decoder, got other bytes`);
        image = newImage(Number(header[1]), Number(header[2]), name, maxPixels);
        filled = 0;
        rest = rest.subarray(header[0].length);
      }
      const chunk = rest.subarray(0, image.data.length - filled);
      image.data.set(chunk, filled);
      filled += chunk.length;
      rest = rest.subarray(chunk.length);
      if (filled < image.data.length) break;
      yield image;
      image = undefined;
    }
  }
}

function newImage(width: number, height: number, name: string, maxPixels: number): Image {
  if (width * height > maxPixels) {
    throw new SourceError(`${name}: expected at most ${maxPixels} pixels, got ${width} x ${height}`);
  }
  return { width, height, data: new Uint8Array(width * height * 3) };
}
