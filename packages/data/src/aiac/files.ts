import type { FeatureSource, SharedRecords } from '../store/feature-source.js';
import { createHash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import { readRange, RECORD_FOOTER } from '@wbdc/io';
import { IdIndex } from '@wbdc/io/tables';
import type { Floats } from '@wbdc/nn/plain';
import { asData, DataError, refuse } from '../files/data-error.js';
import type { Video } from '../wbdc/annotations.js';
import { decodeExample } from './example.js';
import { loadRecordIndex, RecordIndex, saveRecordIndex } from './record-index.js';
import { checkPayload, isGzip, readTfRecords, type ReadTfRecordsOptions } from './tfrecord.js';
import { AIAC_WIDTH, frameEntries, framesOf, rowsOf, videoOf, type AiacOptions } from './videos.js';

export interface AiacFiles extends FeatureSource {
  /**
   * The videos without their frames, file after file. The first complete pass also notes where each record lies, so
   * that `openDataset({ videos: files.videos(), features: files })` reads everything once. An id for the second time is
   * bad, and so is a frame of another width. Of videos with the same frames all but the first are in its `group`.
   */
  videos(): AsyncGenerator<AiacText>;
  /** Keeps what the passes have noted in a file; `openAiacIndex` then gives the frames without another pass. */
  saveIndex(path: string): Promise<void>;
}

/** A video without its frames. */
export interface AiacText extends Video {
  readonly frameCount: number;
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
  return new IndexedFiles(await openAll(paths), paths, options, new RecordIndex());
}

/**
 * The features by id that an index of {@link AiacFiles.saveIndex} leads to.
 * @throws DataError when it is damaged, or a file has changed since it was made
 */
export async function openAiacIndex(path: string): Promise<FeatureSource> {
  const { index, paths, width } = await loadRecordIndex(path);
  return new IndexedFiles(await openAll(paths), paths, { width }, index);
}

/** Opens what another thread has open, for access by id. */
export async function reopenRecords({ paths, width, index }: SharedRecords): Promise<FeatureSource> {
  return new IndexedFiles(await openAll(paths), paths, { width }, RecordIndex.of(index));
}

/** Dv of the first frame in some files; nothing where no record has one. */
export async function findAiacWidth(
  paths: readonly string[],
  options: ReadTfRecordsOptions = {},
): Promise<number | undefined> {
  for (const path of paths) {
    for await (const { index, payload } of readTfRecords(path, options)) {
      try {
        const where = `${path}: record ${index}`;
        const [row] = frameEntries(decodeExample(payload, where), where);
        if (row && row.length > 0 && row.length % 2 === 0) return row.length / 2;
      } catch (error) {
        refuse(error, options.onBad);
      }
    }
  }
  return undefined;
}

function openAll(paths: readonly string[]): Promise<FileHandle[]> {
  return Promise.all(paths.map((path) => open(path, 'r')));
}

/** Which videos have the same frames, by a hash of their features. */
class EqualFrames {
  private readonly hashes = new IdIndex();
  /** Ids by the number of their hash. */
  private readonly first = new IdIndex();

  /** The id of the first video with these frames: its own, where it is the first or has none. */
  firstOf(id: string, rows: readonly Uint8Array[]): string {
    if (rows.length === 0) return id;
    const hash = createHash('sha1');
    for (const row of rows) hash.update(row);
    const digest = hash.digest('base64');
    const known = this.hashes.get(digest);
    if (known >= 0) return this.first.at(known);
    this.hashes.add(digest);
    this.first.add(id);
    return id;
  }
}

class IndexedFiles implements AiacFiles {
  readonly width: number;

  constructor(
    private readonly files: readonly FileHandle[],
    private readonly paths: readonly string[],
    private readonly options: AiacOptions,
    private readonly index: RecordIndex,
  ) {
    this.width = options.width ?? AIAC_WIDTH;
  }

  get size(): number {
    return this.index.ids.size;
  }

  async *videos(): AsyncGenerator<AiacText> {
    const equal = new EqualFrames();
    for (const [file, path] of this.paths.entries()) {
      for await (const { index, offset, payload } of readTfRecords(path, this.options)) {
        const where = `${path}: record ${index}`;
        let video: AiacText;
        try {
          const features = decodeExample(payload, where);
          const rows = rowsOf(features, this.width, where);
          video = { ...videoOf(features, where), frameCount: rows.length };
          if (!this.index.add(video.id, { file, offset, length: payload.length })) {
            throw new DataError(`${where}: expected every id once, got video ${video.id} twice: the first one stays`);
          }
          const group = video.group ?? equal.firstOf(video.id, rows);
          if (group !== video.id) video = { ...video, group };
        } catch (error) {
          refuse(error, this.options.onBad);
          continue;
        }
        yield video;
      }
    }
  }

  has(id: string): boolean {
    return this.index.ids.get(id) >= 0;
  }

  async read(id: string): Promise<Floats> {
    const position = this.index.get(id);
    if (!position) throw new DataError(`${this.paths.join(', ')}: expected video ${id}, got none: was videos() read?`);
    const path = this.paths[position.file];
    const where = `${path}: video ${id}`;
    const length = position.length + RECORD_FOOTER;
    const body = await asData(readRange(this.files[position.file], position.offset, length, path));
    return framesOf(decodeExample(checkPayload(Buffer.from(body.buffer), where), where), this.width, where);
  }

  saveIndex(path: string): Promise<void> {
    return saveRecordIndex(path, this.index, { paths: this.paths, width: this.width });
  }

  share(): SharedRecords {
    return { kind: 'records', paths: this.paths, width: this.width, index: this.index.share() };
  }

  async close(): Promise<void> {
    await Promise.all(this.files.map((file) => file.close()));
  }
}
