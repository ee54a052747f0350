import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { maskedCrc32c } from '@wbdc/io';
import { describe, expect, it } from 'vitest';
import { isGzip, readTfRecords, unpackTfRecords, writeTfRecords } from '../../src/aiac/tfrecord.js';
import { collect, fixture, testFolder } from '../folder.js';

const path = join(testFolder(), 'a.tfrecords');
const payloads = [Buffer.from('first'), Buffer.alloc(0), Buffer.alloc(3 << 20, 'x')];

function change(at: number, bytes = readFileSync(path)): void {
  bytes[at < 0 ? bytes.length + at : at] ^= 1;
  writeFileSync(path, bytes);
}

describe('TFRecord', () => {
  it.each([false, true])('gives records back (GZIP: %s)', async (gzip) => {
    expect(await writeTfRecords(path, payloads, { gzip })).toBe(3);
    expect(await isGzip(path)).toBe(gzip);
    const records = await collect(readTfRecords(path));
    expect(records.map((record) => record.payload.equals(payloads[record.index]))).toEqual([true, true, true]);
    expect(records.map((record) => record.offset)).toEqual([12, 33, 49]);
  });

  it('reads no records from an empty file', async () => {
    expect(await writeTfRecords(path, [])).toBe(0);
    expect(await collect(readTfRecords(path))).toEqual([]);
  });

  it('does not take a length that starts like GZIP for GZIP', async () => {
    await writeTfRecords(path, [Buffer.alloc(0x088b1f, 7)]);
    expect(readFileSync(path).subarray(0, 3).toString('hex')).toBe('1f8b08');
    expect(await collect(readTfRecords(path))).toHaveLength(1);
  });

  it('writes the bytes that Python writes', async () => {
    const original = fixture('pointwise.tfrecords');
    await writeTfRecords(
      path,
      (await collect(readTfRecords(original))).map((record) => record.payload),
    );
    expect(readFileSync(path).equals(readFileSync(original))).toBe(true);
  });

  it('skips a record with a wrong CRC, and only that', async () => {
    await writeTfRecords(path, payloads);
    change(13);
    await expect(collect(readTfRecords(path))).rejects.toThrow(
      /a\.tfrecords: record 0: expected a payload with CRC \d+, got \d+/,
    );
    const messages: string[] = [];
    const rest = await collect(readTfRecords(path, { onBad: (error) => messages.push(error.message) }));
    expect([rest.map((record) => record.index), messages.length]).toEqual([[1, 2], 1]);
  });

  it('unpacks to the same bytes, damaged payloads too', async () => {
    const plain = readFileSync(fixture('pointwise.tfrecords'));
    plain[20] ^= 1;
    writeFileSync(path, gzipSync(plain));
    expect(await unpackTfRecords(path, `${path}.plain`)).toBe(3);
    expect(readFileSync(`${path}.plain`).equals(plain)).toBe(true);
    await expect(collect(readTfRecords(`${path}.plain`))).rejects.toThrow(/record 0: expected a payload with CRC/);
    writeFileSync(path, gzipSync(Buffer.alloc(1 << 24))); // nothing but zeros: no record, however long
    await expect(unpackTfRecords(path, `${path}.zeros`)).rejects.toThrow(/record 0: expected a length with CRC/);
    expect(existsSync(`${path}.zeros`)).toBe(false);
  });

  it('refuses a damaged length and a file that is cut off, whatever is allowed', async () => {
    const options = { onBad: () => undefined };
    await writeTfRecords(path, payloads);
    change(34 + 4);
    await expect(collect(readTfRecords(path, options))).rejects.toThrow(
      /record 2: expected a length with CRC|record 1: expected a length/,
    );
    for (const keep of [5, 14, 20, 100]) {
      await writeTfRecords(path, payloads);
      writeFileSync(path, readFileSync(path).subarray(0, keep));
      await expect(collect(readTfRecords(path, options))).rejects.toThrow(/got \d+: the file is cut off/);
    }
  });

  it('bounds a record before it is read', async () => {
    const header = Buffer.alloc(12);
    header.writeBigUInt64LE(1n << 50n);
    header.writeUInt32LE(maskedCrc32c(header.subarray(0, 8)), 8);
    writeFileSync(path, header);
    await expect(collect(readTfRecords(path))).rejects.toThrow(/at most 67108864 bytes, got 1125899906842624/);
  });

  it('says when GZIP data are damaged', async () => {
    const packed = gzipSync(readFileSync(fixture('pointwise.tfrecords')));
    writeFileSync(path, packed.subarray(0, packed.length - 40));
    await expect(collect(readTfRecords(path))).rejects.toThrow(
      /a\.tfrecords: expected GZIP data: unexpected end of file/,
    );
  });
});
