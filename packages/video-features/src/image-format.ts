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

/**
 * Whether the first picture of an AVIF stores its colours in fewer rows or columns than its brightness: the
 * `chroma_subsampling` bits of the AV1 configuration box (AV1 in ISOBMFF, 2.3.3).
 */
export function hasSubsampledChroma(avif: Uint8Array): boolean {
  const header = Buffer.from(avif.buffer, avif.byteOffset, Math.min(avif.length, 65_536));
  const box = header.indexOf('av1C', 0, 'latin1');
  if (box < 0) return false;
  const flags = header[box + 6];
  const monochrome = (flags & 0b0001_0000) !== 0;
  return !monochrome && (flags & 0b0000_1100) !== 0;
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

const START_OF_SCAN = 0xda;
const isFrame = (marker: number): boolean => marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);

/** The number of colour components of a JPEG: 4 are the inks of CMYK. */
export function jpegComponents(jpeg: Uint8Array): number | undefined {
  for (const { marker, start } of segments(jpeg)) if (isFrame(marker)) return jpeg[start + 5];
  return undefined;
}

/**
 * A JPEG whose first scan says what a sequential one must: coefficients 0 to 63, in one pass (ITU T.81, B.2.3).
 * Telephones write other numbers there, which libjpeg and Pillow do not look at; nothing where there is nothing to
 * mend.
 */
export function withSequentialScan(jpeg: Uint8Array): Uint8Array | undefined {
  let sequential = false;
  for (const { marker, start } of segments(jpeg)) {
    if (isFrame(marker)) sequential = marker === 0xc0 || marker === 0xc1;
    if (marker !== START_OF_SCAN || !sequential) continue;
    const mended = jpeg.slice();
    mended.set([0, 63, 0], start + 1 + 2 * jpeg[start]);
    return mended;
  }
  return undefined;
}
