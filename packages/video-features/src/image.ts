import sharp, { type Sharp } from 'sharp';
import { SourceError, pictureReasonOf } from './errors.js';
import type { Image } from './image-data.js';
import { onWhite } from './pixels.js';
import { decodeOddJpeg } from './odd-jpeg.js';
import {
  hasSubsampledChroma,
  isGrey16Png,
  isPlainYcbcrTiff,
  isTurnedAvif,
  jpegComponents,
  pictureFormat,
  unscaledTransparency,
  type PictureFormat,
} from './image-format.js';

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

/** A picture that takes longer to decode is made to. */
const SECONDS = 30;

/**
 * Decodes JPEG, PNG, WebP, GIF, AVIF or TIFF. Pixels are those that Pillow's `convert('RGB')` gives for the same file:
 * orientation tags (but of TIFF) and colour profiles are not applied, the inks of CMYK are multiplied, grey of 16 bits
 * is cut at 255.
 * Transparent pixels are composited on white, as Pillow's `alpha_composite` does.
 *
 * @throws SourceError when the file is broken, cut, of another format (SVG) or beyond the limits; and for an AVIF with
 *   subsampled chroma, whose colours Pillow interpolates and libheif does not
 */
export async function decodeImage(bytes: Uint8Array, options: DecodeOptions = {}): Promise<Image> {
  const { name = 'image', limits = IMAGE_LIMITS, page = 0 } = options;
  const format = assertPicture(bytes, name, limits);
  // Naming page 0 makes JPEGs slower.
  const open = (content: Uint8Array): Sharp => sharp(content, { ...reading(limits), ...(page > 0 && { page }) });
  const decode = (content: Uint8Array): Promise<Image> => pixelsOf(open(content), content, format);
  return decode(bytes)
    .catch((error: unknown) => (format === 'jpeg' ? decodeOddJpeg(bytes, decode, error) : Promise.reject(error)))
    .catch((error: unknown) => Promise.reject(notAPicture(name, error)));
}

/**
 * Looks at a picture's size and first bytes before any decoder does.
 *
 * @throws SourceError where it is empty, too large, or no raster picture that is read like Pillow reads it
 */
export function assertPicture(bytes: Uint8Array, name: string, limits: ImageLimits): PictureFormat {
  if (bytes.length === 0) throw new SourceError(`${name}: expected a picture, got an empty file. ${HELP}`);
  if (bytes.length > limits.maxBytes) {
    throw new SourceError(`${name}: expected at most ${limits.maxBytes} bytes, got ${bytes.length}. ${HELP}`);
  }
  const format = pictureFormat(bytes);
  if (format === undefined) {
    throw new SourceError(`${name}: expected a picture, got neither JPEG, PNG, WebP, GIF, AVIF nor TIFF. ${HELP}`);
  }
  if (format === 'avif' && hasSubsampledChroma(bytes)) {
    throw unlike(name, 'an AVIF with whole colours (4:4:4 or grey)', 'one with subsampled chroma (4:2:0 or 4:2:2)');
  }
  if (format === 'avif' && isTurnedAvif(bytes))
    throw unlike(name, 'an AVIF as it is stored', 'one to be turned or mirrored');
  if (format === 'tiff' && isPlainYcbcrTiff(bytes)) {
    throw unlike(name, 'a TIFF in grey, RGB or CMYK', 'one of brightness and colour differences (YCbCr)');
  }
  return format;
}

/** Of a picture that would be read otherwise than by Pillow. */
function unlike(name: string, expected: string, got: string): SourceError {
  return new SourceError(
    `${name}: expected ${expected}, got ${got}, whose pixels would differ from those that models learned from: ` +
      'convert it to PNG, WebP or JPEG.',
  );
}

/** Runs a reader of sharp and gives what it decodes, on white. */
export async function toRgb(picture: Sharp, name: string): Promise<Image> {
  return srgbPixels(picture).catch((error: unknown) => Promise.reject(notAPicture(name, error)));
}

function notAPicture(name: string, error: unknown): Error {
  return new SourceError(`${name}: expected a picture, got: ${pictureReasonOf(error)}. ${HELP}`, { cause: error });
}

async function pixelsOf(picture: Sharp, bytes: Uint8Array, format: PictureFormat): Promise<Image> {
  const space = format === 'tiff' ? (await picture.metadata()).space : undefined;
  if (format === 'tiff') picture.autoOrient(); // the one format whose orientation Pillow applies
  if (space === 'cmyk' || (format === 'jpeg' && jpegComponents(bytes) === 4)) return cmykPixels(picture);
  const transparent = format === 'png' ? unscaledTransparency(bytes) : undefined;
  const grey16 = space === 'grey16' || (format === 'png' && isGrey16Png(bytes));
  const pixels = grey16 ? grey16Pixels(picture) : srgbPixels(transparent ? picture.removeAlpha() : picture);
  return transparent ? withWhite(await pixels, transparent) : pixels;
}

/** Pixels of exactly this grey or colour become white. */
function withWhite(image: Image, value: readonly number[]): Image {
  const { data } = image;
  const isValue = (at: number) => [0, 1, 2].every((c) => data[at + c] === value[c % value.length]);
  for (let at = 0; at < data.length; at += 3) if (isValue(at)) data.fill(255, at, at + 3);
  return image;
}

async function srgbPixels(picture: Sharp): Promise<Image> {
  const { data, info } = await timed(picture).toColourspace('srgb').raw().toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data: onWhite(data, info.channels) };
}

/** Pillow's product of inks: what is left of the light behind a colour's ink and behind black. */
async function cmykPixels(picture: Sharp): Promise<Image> {
  const inks = timed(picture).pipelineColourspace('cmyk').toColourspace('cmyk').raw();
  const { data, info } = await inks.toBuffer({ resolveWithObject: true });
  const rgb = new Uint8Array((data.length / info.channels) * 3);
  for (let from = 0, to = 0; from < data.length; from += info.channels, to += 3) {
    const light = 255 - data[from + 3];
    for (let ink = 0; ink < 3; ink++) rgb[to + ink] = light - Math.round((data[from + ink] * light) / 255);
  }
  return { width: info.width, height: info.height, data: rgb };
}

/** Pillow cuts values above 255 off, it does not scale them. */
async function grey16Pixels(picture: Sharp): Promise<Image> {
  const { data, info } = await timed(picture)
    .toColourspace('grey16')
    .raw({ depth: 'ushort' })
    .toBuffer({ resolveWithObject: true });
  const values = new Uint16Array(data.buffer, data.byteOffset, data.length / 2);
  const grey = Uint8Array.from({ length: values.length / info.channels }, (_, i) =>
    Math.min(255, values[i * info.channels]),
  );
  return { width: info.width, height: info.height, data: onWhite(grey, 1) };
}

function timed(picture: Sharp): Sharp {
  return picture.timeout({ seconds: SECONDS });
}

/** sharp's settings for every read: bounded, strict about damage, without colour management. */
export function reading(limits: ImageLimits) {
  return { limitInputPixels: limits.maxPixels, failOn: 'warning', ignoreIcc: true, sequentialRead: true } as const;
}
