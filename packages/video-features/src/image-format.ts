/** What a picture's first bytes say of it. */
export type PictureFormat = 'jpeg' | 'png' | 'gif' | 'webp' | 'tiff' | 'avif';

/**
 * The format of a raster picture by its signature; nothing for any other content. Vector pictures (SVG, PDF) are none:
 * what they cost to draw has nothing to do with their size, and they may name other files.
 */
export function pictureFormat(bytes: Uint8Array): PictureFormat | undefined {
  const text = (from: number, to: number): string => String.fromCharCode(...bytes.subarray(from, to));
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return 'jpeg';
  if (text(0, 8) === '\x89PNG\r\n\x1a\n') return 'png';
  if (/^GIF8[79]a$/.test(text(0, 6))) return 'gif';
  if (text(0, 4) === 'RIFF' && text(8, 12) === 'WEBP') return 'webp';
  if (['II*\0', 'MM\0*', 'II+\0', 'MM\0+'].includes(text(0, 4))) return 'tiff';
  if (text(4, 8) === 'ftyp' && /avi[fs]|mif1|msf1/.test(text(8, 12))) return 'avif';
  return undefined;
}

/** Whether a PNG holds grey values of 16 bits and nothing else (IHDR: bit depth, colour type 0). */
export function isGrey16Png(bytes: Uint8Array): boolean {
  return bytes[24] === 16 && bytes[25] === 0;
}

const [IDAT, TRNS] = [0x49444154, 0x74524e53];

/**
 * The transparent value (tRNS) of a PNG in grey of 2, 4 or 16 bits or in RGB of 16, by channel: Pillow compares it
 * with pixels that are 8 bits by then, which hits few or none.
 */
export function unscaledTransparency(png: Uint8Array): readonly number[] | undefined {
  const [depth, colour] = [png[24], png[25]];
  const channels = colour === 0 && [2, 4, 16].includes(depth) ? 1 : colour === 2 && depth === 16 ? 3 : 0;
  if (channels === 0) return undefined;
  const view = new DataView(png.buffer, png.byteOffset, png.length);
  for (let at = 8; at + 8 + 2 * channels <= png.length; at += 12 + view.getUint32(at)) {
    const type = view.getUint32(at + 4);
    if (type === IDAT) return undefined; // tRNS precedes the pixels
    if (type === TRNS) return Array.from({ length: channels }, (_, c) => view.getUint16(at + 8 + 2 * c));
  }
  return undefined;
}

/** Boxes of a kind in the header of an AVIF: where their contents start. */
function* boxes(avif: Uint8Array, type: string): Generator<{ readonly header: Buffer; readonly at: number }> {
  const header = Buffer.from(avif.buffer, avif.byteOffset, Math.min(avif.length, 65_536));
  for (let at = header.indexOf(type, 0, 'latin1'); at >= 0; at = header.indexOf(type, at + 1, 'latin1')) {
    yield { header, at: at + type.length };
  }
}

/**
 * Whether a picture of an AVIF stores its colours in fewer rows or columns than its brightness: the
 * `chroma_subsampling` bits of the AV1 configuration box (AV1 in ISOBMFF, 2.3.3).
 */
export function hasSubsampledChroma(avif: Uint8Array): boolean {
  for (const { header, at } of boxes(avif, 'av1C')) {
    const flags = header[at + 2];
    const monochrome = (flags & 0b0001_0000) !== 0;
    if (!monochrome && (flags & 0b0000_1100) !== 0) return true;
  }
  return false;
}

/** Whether an AVIF says that it is to be turned (irot) or mirrored (imir) when it is shown (ISO 23008-12, 6.5). */
export function isTurnedAvif(avif: Uint8Array): boolean {
  for (const { header, at } of boxes(avif, 'irot')) if ((header[at] & 0b11) !== 0) return true;
  for (const { header, at } of boxes(avif, 'imir')) if (at < header.length) return true;
  return false;
}

const [COMPRESSION, PHOTOMETRIC] = [259, 262];
const YCBCR = 6;
/** Compressions of TIFF that are JPEG: its decoder makes RGB of them. */
const JPEGS: readonly (number | undefined)[] = [6, 7];

/** Whether the first picture of a TIFF is brightness and colour differences as they are (TIFF 6.0, section 21). */
export function isPlainYcbcrTiff(tiff: Uint8Array): boolean {
  const tags = tiffTags(tiff);
  return tags.get(PHOTOMETRIC) === YCBCR && !JPEGS.includes(tags.get(COMPRESSION));
}

/** Tags of the first picture that are a number of 16 bits; none where the file is too short for what it says. */
function tiffTags(tiff: Uint8Array): Map<number, number> {
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.length);
  const little = tiff[0] === 0x49;
  const big = tiff.length > 16 && view.getUint16(2, little) === 43;
  const tags = new Map<number, number>();
  if (tiff.length < 16) return tags;
  const [start, countBytes, entryBytes, valueAt] = big
    ? [Number(view.getBigUint64(8, little)), 8, 20, 12]
    : [view.getUint32(4, little), 2, 12, 8];
  for (let at = start + countBytes, left = 4096; at + entryBytes <= tiff.length && left > 0; at += entryBytes, left--) {
    const tag = view.getUint16(at, little);
    if (tag > PHOTOMETRIC) break; // they are sorted
    if (view.getUint16(at + 2, little) === 3) tags.set(tag, view.getUint16(at + valueAt, little));
  }
  return tags;
}

/** Segments of a JPEG's header: their markers, and where their contents start and end. */
function* segments(jpeg: Uint8Array): Generator<{ marker: number; start: number; end: number }> {
  for (let at = 2; at + 4 <= jpeg.length;) {
    if (jpeg[at] !== 0xff) return;
    const marker = jpeg[at + 1];
    if (marker === 0xff) {
      at++; // padding
      continue;
    }
    const end = at + 2 + jpeg[at + 2] * 256 + jpeg[at + 3];
    yield { marker, start: at + 4, end };
    if (marker === START_OF_SCAN) return;
    at = end;
  }
}

export const START_OF_SCAN = 0xda;
export const isFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);

/** The number of colour components of a JPEG: 4 are the inks of CMYK. */
export function jpegComponents(jpeg: Uint8Array): number | undefined {
  for (const { marker, start } of segments(jpeg)) if (isFrame(marker)) return jpeg[start + 5];
  return undefined;
}
