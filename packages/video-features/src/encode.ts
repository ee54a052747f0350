import sharp from 'sharp';
import type { Image } from './image-data.js';

/** A picture as a JPEG file. */
export interface EncodedImage {
  readonly bytes: Uint8Array;
  /** Pixels as encoded. */
  readonly width: number;
  readonly height: number;
}

export interface EncodeOptions {
  /** Longest shorter side in pixels: larger pictures are shrunk. */
  readonly side: number;
  /** 1 to 100, as libjpeg has it. Default 90. */
  readonly quality?: number;
}

/** Encodes a picture as JPEG, shrunk to a shorter side of at most `side` pixels. */
export async function encodeJpeg(image: Image, { side, quality = 90 }: EncodeOptions): Promise<EncodedImage> {
  const scale = Math.min(1, side / Math.min(image.width, image.height));
  const [width, height] = [image.width, image.height].map((length) => Math.max(1, Math.round(length * scale)));
  const resized = open(image).resize(width, height, { fit: 'fill' });
  const { data, info } = await resized.jpeg({ quality }).toBuffer({ resolveWithObject: true });
  return { bytes: data, width: info.width, height: info.height };
}

/**
 * 64 bits in hexadecimal: in a picture of 9 x 8 grey values, whether each is darker than its right neighbour ("dHash").
 * Pictures that look alike differ in few bits, whatever their size and format.
 */
export async function differenceHash(image: Image): Promise<string> {
  const grey = await open(image).resize(9, 8, { fit: 'fill' }).greyscale().raw().toBuffer();
  let bits = '';
  for (let y = 0; y < 8; y++) for (let x = 0; x < 8; x++) bits += Number(grey[9 * y + x] < grey[9 * y + x + 1]);
  return BigInt(`0b${bits}`).toString(16).padStart(16, '0');
}

/** A picture file as a small JPEG file that fits into a square of `side` pixels; it is never enlarged. */
export function jpegThumbnail(bytes: Uint8Array, side: number): Promise<Uint8Array> {
  const size = { width: side, height: side, fit: 'inside', withoutEnlargement: true } as const;
  // What is odd in a file that is read elsewhere is no reason to have none.
  return sharp(bytes, { failOn: 'none' }).resize(size).jpeg({ quality: 80 }).toBuffer();
}

function open({ data, width, height }: Image) {
  return sharp(data, { raw: { width, height, channels: 3 } });
}

/** A picture as a PNG file: nothing is lost. */
export async function encodePng({ width, height, data }: Image): Promise<Uint8Array> {
  return sharp(data, { raw: { width, height, channels: 3 } })
    .png({ compressionLevel: 1 })
    .toBuffer();
}
