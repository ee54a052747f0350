import type { Image } from './image-data.js';
import { isFrame, START_OF_SCAN } from './image-format.js';

type Decode = (jpeg: Uint8Array) => Promise<Image>;

/**
 * Decodes a JPEG of which the decoder has warned, where all that is odd is what Pillow reads as well: its header, and
 * bytes between its scans. Every other warning is damage.
 *
 * @param decode refuses a file of which libjpeg warns
 * @param reason why it refused the file as it is
 * @throws what `decode` throws
 */
export async function decodeOddJpeg(bytes: Uint8Array, decode: Decode, reason: unknown): Promise<Image> {
  const plain = withPlainHeader(bytes);
  if (plain === undefined) return decodeScans(bytes, decode, reason);
  return decode(plain).catch((error: unknown) => decodeScans(plain, decode, error));
}

/** Scans of a progressive JPEG are some ten; each costs a decoding or two here. */
const MOST_SCANS = 64;
const MOST_MS = 30_000;

/**
 * Decodes a JPEG without the bytes that stand between its scans and belong to none. Where compressed values end is told
 * by decoding them: the file up to a scan, closed there, is one that libjpeg says it of.
 */
async function decodeScans(jpeg: Uint8Array, decode: Decode, reason: unknown): Promise<Image> {
  const scans = scansOf(jpeg);
  if (extraneousIn(reason) === 0 || scans.length < 2 || scans.length > MOST_SCANS) throw reason;
  const end = Date.now() + MOST_MS;
  let kept: Uint8Array = new Uint8Array(0);
  let image: Image | undefined;
  for (const scan of scans) {
    let values = scan.values;
    for (let cut = -1; cut !== 0;) {
      const closed = Buffer.concat([kept, scan.header, values, END_OF_IMAGE]);
      const outcome = await decode(closed).catch((error: unknown) => ({ error }));
      cut = 'error' in outcome ? extraneousIn(outcome.error) : 0;
      if ('error' in outcome && (cut === 0 || cut > values.length || Date.now() > end)) throw outcome.error;
      if (!('error' in outcome)) image = outcome;
      else values = values.subarray(0, values.length - cut);
    }
    kept = Buffer.concat([kept, scan.header, values]);
  }
  return image!;
}

const END_OF_IMAGE = Uint8Array.of(0xff, 0xd9);

/** How many bytes libjpeg says to have skipped before a marker; 0 where it says anything else. */
function extraneousIn(error: unknown): number {
  const message = error instanceof Error ? error.message : String(error);
  return Number(/Corrupt JPEG data: (\d+) extraneous bytes before marker/.exec(message)?.[1] ?? 0);
}

/** Scans, each with the segments before it, and without what stands between those; none where the file is cut. */
function scansOf(jpeg: Uint8Array): { readonly header: Uint8Array; readonly values: Uint8Array }[] {
  const scans: { header: Uint8Array; values: Uint8Array }[] = [];
  let parts: Uint8Array[] = [jpeg.subarray(0, 2)];
  for (let at = 2; at + 2 <= jpeg.length;) {
    const marker = jpeg[at + 1];
    if (jpeg[at] !== 0xff || marker < 0xc0 || marker === 0xff) {
      at++;
      continue;
    }
    if (marker === END_OF_IMAGE[1]) return scans;
    const end = at + 2 + jpeg[at + 2] * 256 + jpeg[at + 3];
    parts.push(jpeg.subarray(at, end));
    at = end;
    if (marker !== START_OF_SCAN) continue;
    while (at + 1 < jpeg.length && !(jpeg[at] === 0xff && endsValues(jpeg[at + 1]))) at++;
    scans.push({ header: Buffer.concat(parts), values: jpeg.subarray(end, at) });
    parts = [];
  }
  return [];
}

/** Neither a value of 0xff, nor padding, nor a restart (ITU T.81, B.1.1.5). */
function endsValues(marker: number): boolean {
  return marker !== 0 && marker !== 0xff && !(marker >= 0xd0 && marker <= 0xd7);
}

const APP14 = 0xee;

/**
 * A JPEG with a header as the standard has it; nothing where there is nothing to mend. Cameras and telephones leave
 * bytes between two segments, name a colour transform that nobody knows (libjpeg then takes the usual one), and write
 * other numbers than 0 to 63 in one pass for a sequential scan (ITU T.81, B.2.3): libjpeg warns of all and reads on, as
 * Pillow does.
 */
function withPlainHeader(jpeg: Uint8Array): Uint8Array | undefined {
  const parts: Uint8Array[] = [jpeg.slice(0, 2)];
  let [changed, sequential, components] = [false, false, 0];
  for (let at = 2; at + 4 <= jpeg.length;) {
    if (jpeg[at] !== 0xff || jpeg[at + 1] < 0xc0 || jpeg[at + 1] === 0xff) {
      changed ||= jpeg[at] !== 0xff; // a further 0xff is padding
      at++;
      continue;
    }
    const marker = jpeg[at + 1];
    const end = at + 2 + jpeg[at + 2] * 256 + jpeg[at + 3];
    const segment = jpeg.slice(at, end);
    parts.push(segment);
    at = end;
    if (isFrame(marker)) {
      sequential = marker === 0xc0 || marker === 0xc1;
      components = segment[9];
    }
    if (marker !== START_OF_SCAN) continue;
    for (const part of parts) changed = withKnownTransform(part, components) || changed;
    if (sequential) changed = withWholeScan(segment) || changed;
    return changed ? Buffer.concat([...parts, jpeg.subarray(end)]) : undefined;
  }
  return undefined;
}

/** Of a segment in which Adobe says how colours were transformed; whether it said anything unknown. */
function withKnownTransform(segment: Uint8Array, components: number): boolean {
  const isAdobe = segment[1] === APP14 && String.fromCharCode(...segment.subarray(4, 9)) === 'Adobe';
  const usual = components === 4 ? 2 : 1;
  if (!isAdobe || components < 3 || [0, usual].includes(segment[15])) return false;
  segment[15] = usual;
  return true;
}

function withWholeScan(segment: Uint8Array): boolean {
  const at = 5 + 2 * segment[4];
  if (segment[at] === 0 && segment[at + 1] === 63 && segment[at + 2] === 0) return false;
  segment.set([0, 63, 0], at);
  return true;
}
