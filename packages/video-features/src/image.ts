import sharp, { type Sharp } from 'sharp';
import { SourceError, pictureReasonOf } from './errors.js';

/** Decoded pixels: 8-bit RGB, rows from the top, `[height, width, 3]`. */
export interface Image {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** What a picture may cost, checked before its pixels are decoded: a file of a few kilobytes can ask for gigabytes. */
export interface ImageLimits {
  /** Bytes of the encoded file. */
  readonly maxBytes: number;
  /** Width x height of one frame. */
  readonly maxPixels: number;
}

/** Room for a 50-megapixel photograph. */
export const IMAGE_LIMITS: ImageLimits = { maxBytes: 64 * 2 ** 20, maxPixels: 50_000_000 };

export interface DecodeOptions {
  /** What to call the picture in an error: its path, or archive and entry. */
  readonly name?: string;
  readonly limits?: ImageLimits;
  /** The frame of an animated GIF or WebP. */
  readonly page?: number;
}

const HELP = 'Replace the file, or leave the video out.';

/**
 * Decodes JPEG, PNG, WebP, GIF, AVIF, TIFF or SVG. Pixels are those that Pillow gives for the same file: orientation tags
 * and colour profiles are not applied. Transparent pixels are composited on white.
 *
 * @throws SourceError when the file is broken, cut, of an unknown format or beyond the limits
 */
export async function decodeImage(bytes: Uint8Array, options: DecodeOptions = {}): Promise<Image> {
  const { name = 'image', limits = IMAGE_LIMITS, page = 0 } = options;
  if (bytes.length === 0) throw new SourceError(`${name}: expected a picture, got an empty file. ${HELP}`);
  if (bytes.length > limits.maxBytes) {
    throw new SourceError(`${name}: expected at most ${limits.maxBytes} bytes, got ${bytes.length}. ${HELP}`);
  }
  return toRgb(sharp(bytes, { ...reading(limits), ...(page > 0 && { page }) }), name); // naming page 0 makes JPEGs slower
}

/** Runs a reader of sharp and gives what it decodes, on white. */
export async function toRgb(picture: Sharp, name: string): Promise<Image> {
  try {
    const { data, info } = await picture
      .flatten({ background: '#ffffff' })
      .toColourspace('srgb')
      .raw()
      .toBuffer({ resolveWithObject: true });
    return { width: info.width, height: info.height, data: threeChannels(data, info.channels) };
  } catch (error) {
    throw new SourceError(`${name}: expected a picture, got: ${pictureReasonOf(error)}. ${HELP}`, { cause: error });
  }
}

/** sharp's settings for every read: bounded, strict about damage, without colour management. */
export function reading(limits: ImageLimits) {
  return { limitInputPixels: limits.maxPixels, failOn: 'warning', ignoreIcc: true, sequentialRead: true } as const;
}

function threeChannels(data: Buffer, channels: number): Uint8Array {
  if (channels === 3) return new Uint8Array(data.buffer, data.byteOffset, data.length);
  if (channels !== 1) throw new SourceError(`expected 1 or 3 channels, got ${channels}`);
  const rgb = new Uint8Array(data.length * 3);
  data.forEach((value, i) => rgb.fill(value, 3 * i, 3 * i + 3));
  return rgb;
}
