import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { createGunzip, createGzip } from 'node:zlib';
import { frameRecord, maskedCrc32c, RECORD_FOOTER, RECORD_HEADER, writeFileAtomic } from '@wbdc/io';
import { DataError, refuse, type OnBad } from '../files/data-error.js';

const GZIP_MAGIC = 0x8b1f;

/** One record and where its payload lies in the (unpacked) file. */
export interface TfRecord {
  readonly index: number;
  readonly offset: number;
  readonly payload: Buffer;
}

export interface ReadTfRecordsOptions {
  /** Told of each record whose payload does not fit its CRC; without it that throws. */
  readonly onBad?: OnBad;
  /** Largest payload accepted, in bytes: 64 MB where nothing else is given. */
  readonly maxRecordBytes?: number;
}

/**
 * The records of a TFRecord file, plain or GZIP (told apart by content), in memory for one record. A payload is a view
 * that stays valid.
 *
 * @throws DataError on a wrong CRC. One of a length, or a file that is cut off, always throws: nothing after it can be
 * found again.
 */
export async function* readTfRecords(path: string, options: ReadTfRecordsOptions = {}): AsyncGenerator<TfRecord> {
  for await (const { index, offset, body } of readFrames(path, options.maxRecordBytes)) {
    try {
      yield { index, offset, payload: checkPayload(body, `${path}: record ${index}`) };
    } catch (error) {
      refuse(error, options.onBad);
    }
  }
}

/**
 * Copies a GZIP file as a plain one, record by record, those with a wrong CRC as they are; it appears only when all is
 * written. Returns the number of records.
 *
 * @throws DataError as {@link readTfRecords} does for damage behind which nothing can be found
 */
export async function unpackTfRecords(from: string, to: string, signal?: AbortSignal): Promise<number> {
  let count = 0;
  async function* frames(): AsyncGenerator<Buffer> {
    for await (const { header, body } of readFrames(from)) {
      signal?.throwIfAborted();
      yield header;
      yield body;
      count++;
    }
  }
  await writeFileAtomic(to, frames());
  return count;
}

interface Frame {
  readonly index: number;
  /** Of the payload. */
  readonly offset: number;
  readonly header: Buffer;
  /** Payload and its CRC, not checked. */
  readonly body: Buffer;
}

async function* readFrames(path: string, maxRecordBytes = 64 << 20): AsyncGenerator<Frame> {
  const bytes = new ByteQueue(await openBytes(path), path);
  try {
    for (let index = 0; ; index++) {
      const where = `${path}: record ${index}`;
      const header = await bytes.take(RECORD_HEADER, where);
      if (!header) return;
      const length = recordLength(header, maxRecordBytes, where);
      const offset = bytes.position;
      const body = (await bytes.take(length + RECORD_FOOTER, where)) ?? cutOff(where, length + RECORD_FOOTER, 0);
      yield { index, offset, header, body };
    }
  } finally {
    bytes.destroy();
  }
}

/** @throws DataError when the length's CRC does not fit, or it is over the limit */
function recordLength(header: Buffer, limit: number, where: string): number {
  const expected = header.readUInt32LE(8);
  const crc = maskedCrc32c(header.subarray(0, 8));
  if (crc !== expected) {
    throw new DataError(
      `${where}: expected a length with CRC ${expected}, got ${crc}: no TFRecord, or damaged from here on`,
    );
  }
  const length = Number(header.readBigUInt64LE(0));
  if (length <= limit) return length;
  throw new DataError(
    `${where}: expected at most ${limit} bytes, got ${length}: raise maxRecordBytes if that is right`,
  );
}

/** The payload of `payload, CRC`. @throws DataError when they do not fit */
export function checkPayload(body: Buffer, where: string): Buffer {
  const payload = body.subarray(0, body.length - RECORD_FOOTER);
  const expected = body.readUInt32LE(payload.length);
  const crc = maskedCrc32c(payload);
  if (crc === expected) return payload;
  throw new DataError(`${where}: expected a payload with CRC ${expected}, got ${crc}: the record is damaged`);
}

function cutOff(where: string, expected: number, got: number): never {
  throw new DataError(`${where}: expected ${expected} bytes, got ${got}: the file is cut off, copy it again`);
}

/** Whether a file is GZIP: a record's length may begin with the same two bytes, but then its CRC fits. */
export async function isGzip(path: string): Promise<boolean> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(RECORD_HEADER), 0, RECORD_HEADER, 0);
    if (bytesRead < 2 || buffer.readUInt16LE(0) !== GZIP_MAGIC) return false;
    return bytesRead < RECORD_HEADER || maskedCrc32c(buffer.subarray(0, 8)) !== buffer.readUInt32LE(8);
  } finally {
    await file.close();
  }
}

async function openBytes(path: string): Promise<Readable> {
  const packed = await isGzip(path);
  const file = createReadStream(path, { highWaterMark: 1 << 20 });
  if (!packed) return file;
  const unpacked = createGunzip({ chunkSize: 1 << 18 });
  file.on('error', (error) => unpacked.destroy(error));
  unpacked.on('close', () => file.destroy());
  return file.pipe(unpacked);
}

/** Exact amounts out of a stream of chunks. */
class ByteQueue {
  private readonly chunks: AsyncIterator<Buffer>;
  private rest: Buffer = Buffer.alloc(0);
  position = 0;

  constructor(
    private readonly source: Readable,
    private readonly path: string,
  ) {
    this.chunks = (source as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  }

  /** The next `length` bytes, or undefined at the end. @throws DataError when the end comes between */
  async take(length: number, where: string): Promise<Buffer | undefined> {
    const chunks = [this.rest];
    let size = this.rest.length;
    while (size < length) {
      const chunk = await this.next();
      if (!chunk) break;
      chunks.push(chunk);
      size += chunk.length;
    }
    if (size === 0 && length > 0) return undefined;
    const bytes = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
    if (size < length) cutOff(where, length, size);
    this.rest = bytes.subarray(length);
    this.position += length;
    return bytes.subarray(0, length);
  }

  destroy(): void {
    this.source.destroy();
  }

  private async next(): Promise<Buffer | undefined> {
    try {
      const { value, done } = await this.chunks.next();
      return done ? undefined : value;
    } catch (cause) {
      // zlib's own codes start with Z_: the packed data are damaged.
      if (!(cause as NodeJS.ErrnoException).code?.startsWith('Z_')) throw cause;
      throw new DataError(`${this.path}: expected GZIP data: ${(cause as Error).message}: copy it again`, { cause });
    }
  }
}

/** Writes payloads as a TFRecord file; it appears only when all are written. Returns their number. */
export async function writeTfRecords(
  path: string,
  payloads: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  options: { readonly gzip?: boolean } = {},
): Promise<number> {
  let count = 0;
  async function* frames(): AsyncGenerator<Uint8Array> {
    for await (const payload of payloads) {
      count++;
      yield frameRecord(payload);
    }
  }
  await writeFileAtomic(path, options.gzip ? Readable.from(frames()).compose(createGzip()) : frames());
  return count;
}
