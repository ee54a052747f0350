import { decodeText } from '@wbdc/io/proto';
import type { Floats } from '@wbdc/nn/plain';
import { DataError, refuse } from '../files/data-error.js';
import { decodeFloat16, encodeFloat16 } from '@wbdc/nn/plain';
import { finite } from '../store/finite.js';
import { ID_PATTERN, type Video } from '../wbdc/annotations.js';
import { decodeExample, encodeExample, type Feature, type Features } from './example.js';
import { readTfRecords, writeTfRecords, type ReadTfRecordsOptions } from './tfrecord.js';

/** Width of the official frame features. */
export const AIAC_WIDTH = 1536;

/**
 * One record: `asr_text` is `asr`, `tag_id` are `tags` in decimal; there is no OCR. `group` is our extension, see
 * `Video`.
 */
export interface AiacVideo extends Video {
  /** `[n, Dv]`, all frames of the record. */
  readonly frames: Floats;
}

export interface AiacOptions extends ReadTfRecordsOptions {
  /** Dv; 1536 where nothing else is given. */
  readonly width?: number;
}

/**
 * The videos of one TFRecord file with their frames. A record without `asr_text`, `tag_id` or `category_id` is valid:
 * test files lack them.
 * @throws DataError naming file, record and feature
 */
export async function* readAiacVideos(path: string, options: AiacOptions = {}): AsyncGenerator<AiacVideo> {
  for await (const { index, payload } of readTfRecords(path, options)) {
    let video: AiacVideo;
    try {
      const where = `${path}: record ${index}`;
      const features = decodeExample(payload, where);
      video = { ...videoOf(features, where), frames: framesOf(features, options.width ?? AIAC_WIDTH, where) };
    } catch (error) {
      refuse(error, options.onBad);
      continue;
    }
    yield video;
  }
}

/** Writes videos in the same format; plain, or GZIP. Returns their number. */
export function writeAiacVideos(
  path: string,
  videos: Iterable<AiacVideo> | AsyncIterable<AiacVideo>,
  options: { readonly gzip?: boolean } = {},
): Promise<number> {
  async function* payloads(): AsyncGenerator<Uint8Array> {
    for await (const video of videos) yield encodeExample(featuresOf(video));
  }
  return writeTfRecords(path, payloads(), options);
}

/** What a record says of its video, frames aside. */
export function videoOf(features: Features, where: string): Video {
  const id = textOf(features, 'id', where);
  if (id === undefined || !ID_PATTERN.test(id)) {
    throw new DataError(
      `${where}: feature id: expected 3 to 64 letters, digits, - or _, got ${id?.slice(0, 80) ?? 'none'}`,
    );
  }
  const tags = integersOf(features, 'tag_id', where)?.map(String);
  const category = integersOf(features, 'category_id', where)?.[0];
  if (category !== undefined && category < 0) {
    throw new DataError(`${where}: feature category_id: expected a number from 0, got ${category}`);
  }
  const group = textOf(features, 'group', where);
  return {
    id,
    title: textOf(features, 'title', where) ?? '',
    asr: textOf(features, 'asr_text', where) ?? '',
    ocr: [],
    ...(category !== undefined && { categoryId: String(category).padStart(4, '0') }),
    ...(tags && { tags }),
    ...(group && { group }),
  };
}

function featuresOf(video: AiacVideo): Features {
  const { frames, tags, categoryId, group } = video;
  const text = (value: string): Feature => ({ kind: 'bytes', values: [Buffer.from(value)] });
  const numbers = (values: readonly string[]): Feature => ({
    kind: 'int64',
    values: values.map((value) => integer(video.id, value)),
  });
  const rowBytes = frames.shape[1] * 2;
  const bits = encodeFloat16(frames.data);
  const bytes = new Uint8Array(bits.buffer);
  const rows = Array.from({ length: frames.shape[0] }, (_, i) => bytes.subarray(i * rowBytes, (i + 1) * rowBytes));
  return new Map<string, Feature>([
    ['id', text(video.id)],
    ['title', text(video.title)],
    ['asr_text', text(video.asr)],
    ['frame_feature', { kind: 'bytes', values: rows }],
    ...(tags ? [['tag_id', numbers(tags)] as const] : []),
    ...(categoryId === undefined ? [] : [['category_id', numbers([categoryId])] as const]),
    ...(group === undefined ? [] : [['group', text(group)] as const]),
  ]);
}

function integer(id: string, value: string): bigint {
  if (/^-?\d+$/.test(value)) return BigInt(value);
  throw new DataError(`${id}: expected tags and category as decimal integers, got ${value}: number them first`);
}

/** Values of a list, or undefined where the record has none. */
function bytesOf(features: Features, name: string, where: string): readonly Uint8Array[] | undefined {
  const feature = features.get(name);
  if (!feature || feature.kind === 'bytes') return feature?.values;
  throw new DataError(`${where}: feature ${name}: expected a list of bytes, got ${feature.kind}`);
}

function integersOf(features: Features, name: string, where: string): readonly bigint[] | undefined {
  const feature = features.get(name);
  if (!feature || feature.kind === 'int64') return feature?.values;
  throw new DataError(`${where}: feature ${name}: expected a list of int64, got ${feature.kind}`);
}

function textOf(features: Features, name: string, where: string): string | undefined {
  const bytes = bytesOf(features, name, where)?.[0];
  return bytes && decodeText(bytes, `${where}: feature ${name}`);
}

/** `[n, Dv]` out of one entry of Dv little-endian float16 a frame. */
export function framesOf(features: Features, width: number, where: string): Floats {
  const rows = rowsOf(features, width, where);
  const bits = new Uint16Array(rows.length * width);
  const bytes = new Uint8Array(bits.buffer);
  rows.forEach((row, i) => bytes.set(row, i * width * 2));
  return finite({ data: decodeFloat16(bits), shape: [rows.length, width] }, `${where}: frame_feature`);
}

export function frameEntries(features: Features, where: string): readonly Uint8Array[] {
  return bytesOf(features, 'frame_feature', where) ?? [];
}

/** The entry of every frame. @throws DataError when one has another width */
export function rowsOf(features: Features, width: number, where: string): readonly Uint8Array[] {
  const rows = frameEntries(features, where);
  const i = rows.findIndex((row) => row.length !== width * 2);
  if (i < 0) return rows;
  throw new DataError(
    `${where}: frame ${i}: expected ${width} float16 (${width * 2} bytes), got ${rows[i].length} bytes`,
  );
}
