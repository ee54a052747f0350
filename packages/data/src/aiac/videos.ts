import { open, type FileHandle } from 'node:fs/promises';
import type { Floats } from '@wbdc/nn';
import { DataError, refuse } from '../files/data-error.js';
import type { FeatureSource } from '../store/feature-store.js';
import { decodeFloat16, encodeFloat16 } from '@wbdc/nn';
import { Growing } from '../store/growing.js';
import { IdIndex } from '../store/id-index.js';
import { readExactly } from '../store/zip-directory.js';
import { ID_PATTERN, type Video } from '../wbdc/annotations.js';
import { decodeExample, encodeExample, type Feature, type Features } from './example.js';
import { decodeText } from './proto.js';
import { checkPayload, isGzip, readTfRecords, RECORD_FOOTER, writeTfRecords, type ReadTfRecordsOptions } from './tfrecord.js'; // prettier-ignore

/** Width of the official frame features. */
export const AIAC_WIDTH = 1536;

/** One record: `asr_text` is `asr`, `tag_id` are `tags` in decimal; there is no OCR. */
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

export interface AiacFiles extends FeatureSource {
  /**
   * The videos without their frames, file after file. The first complete pass also notes where each record lies, so that
   * `openDataset({ videos: files.videos(), features: files })` reads everything once. An id for the second time is bad.
   */
  videos(): AsyncGenerator<Video>;
}

/**
 * Several TFRecord files as videos and as their features by id. For random access files must not be packed.
 * @throws DataError when a file is GZIP: unpack it first
 */
export async function openAiacFiles(paths: readonly string[], options: AiacOptions = {}): Promise<AiacFiles> {
  for (const path of paths) {
    if (!(await isGzip(path))) continue;
    throw new DataError(`${path}: expected a plain TFRecord for access by id, got GZIP: run gunzip on it first`);
  }
  return new IndexedFiles(await Promise.all(paths.map((path) => open(path, 'r'))), paths, options);
}

class IndexedFiles implements AiacFiles {
  readonly width: number;
  private readonly ids = new IdIndex();
  private readonly fileOf = new Growing((length) => new Uint16Array(length));
  private readonly offsets = new Growing((length) => new Float64Array(length));
  private readonly lengths = new Growing((length) => new Uint32Array(length));

  constructor(
    private readonly files: readonly FileHandle[],
    private readonly paths: readonly string[],
    private readonly options: AiacOptions,
  ) {
    this.width = options.width ?? AIAC_WIDTH;
  }

  get size(): number {
    return this.ids.size;
  }

  async *videos(): AsyncGenerator<Video> {
    for (const [file, path] of this.paths.entries()) {
      for await (const { index, offset, payload } of readTfRecords(path, this.options)) {
        const where = `${path}: record ${index}`;
        let video: Video;
        try {
          video = videoOf(decodeExample(payload, where), where);
          this.remember(video.id, file, offset, payload.length, where);
        } catch (error) {
          refuse(error, this.options.onBad);
          continue;
        }
        yield video;
      }
    }
  }

  has(id: string): boolean {
    return this.ids.get(id) >= 0;
  }

  async read(id: string): Promise<Floats> {
    const i = this.ids.get(id);
    if (i < 0) throw new DataError(`${this.paths.join(', ')}: expected video ${id}, got none: was videos() read?`);
    const path = this.paths[this.fileOf.at(i)];
    const file = this.files[this.fileOf.at(i)];
    const body = await readExactly(file, this.offsets.at(i), this.lengths.at(i) + RECORD_FOOTER, path);
    const where = `${path}: video ${id}`;
    return framesOf(decodeExample(checkPayload(body, where), where), this.width, where);
  }

  async close(): Promise<void> {
    await Promise.all(this.files.map((file) => file.close()));
  }

  /** Notes a record in the first pass; a later pass meets the same places again. */
  private remember(id: string, file: number, offset: number, length: number, where: string): void {
    const known = this.ids.get(id);
    if (known >= 0 && this.fileOf.at(known) === file && this.offsets.at(known) === offset) return;
    if (known >= 0) throw new DataError(`${where}: expected every id once, got video ${id} twice: the first one stays`);
    this.ids.add(id);
    this.fileOf.push(file);
    this.offsets.push(offset);
    this.lengths.push(length);
  }
}

function videoOf(features: Features, where: string): Video {
  const id = textOf(features, 'id', where);
  if (id === undefined || !ID_PATTERN.test(id)) {
    throw new DataError(
      `${where}: feature id: expected 3 to 64 letters, digits, - or _, got ${id?.slice(0, 80) ?? 'none'}`,
    );
  }
  const tags = integersOf(features, 'tag_id', where)?.map(String);
  const category = integersOf(features, 'category_id', where)?.[0];
  return {
    id,
    title: textOf(features, 'title', where) ?? '',
    asr: textOf(features, 'asr_text', where) ?? '',
    ocr: [],
    ...(category !== undefined && { categoryId: String(category).padStart(4, '0') }),
    ...(tags && { tags }),
  };
}

function featuresOf(video: AiacVideo): Features {
  const { frames, tags, categoryId } = video;
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
function framesOf(features: Features, width: number, where: string): Floats {
  const rows = bytesOf(features, 'frame_feature', where) ?? [];
  const bits = new Uint16Array(rows.length * width);
  const bytes = new Uint8Array(bits.buffer);
  rows.forEach((row, i) => {
    if (row.length !== width * 2) {
      throw new DataError(
        `${where}: frame ${i}: expected ${width} float16 (${width * 2} bytes), got ${row.length} bytes`,
      );
    }
    bytes.set(row, i * width * 2);
  });
  return { data: decodeFloat16(bits), shape: [rows.length, width] };
}
