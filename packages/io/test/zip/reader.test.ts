import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Zip, ZipDeflate, ZipPassThrough, zipSync } from 'fflate';
import { beforeAll, describe, expect, it } from 'vitest';
import { Fuzzer } from '../../../../tools/fuzz/reader.js';
import { FormatError } from '../../src/errors.js';
import { bytesInMemory, openBytes } from '../../src/index.js';
import { entryStart, findDirectory, listEntries, readEntry, ZipReader, type ZipReaderOptions } from '../../src/zip.js';
import { testFolder } from '../folder.js';

const path = join(testFolder(), 'a.zip');
const text = (value: string): Buffer => Buffer.from(value);
const files = { 'a.txt': text('first'), 'deep/视频.txt': text('second '.repeat(99)), empty: text('') };

/** All entries of bytes, unpacked. */
async function unpack(bytes: Uint8Array): Promise<Record<string, Buffer>> {
  const source = bytesInMemory(bytes, 'x.zip');
  const all: Record<string, Buffer> = {};
  for (const entry of await listEntries(source)) {
    all[entry.name] = Buffer.from(await readEntry(source, entry, `x.zip: ${entry.name}`));
  }
  return all;
}

/** An archive as it is streamed: sizes and checksums follow the data, their places in the local headers are empty. */
function streamed(): Buffer {
  const parts: Uint8Array[] = [];
  const zip = new Zip((error, chunk) => {
    if (error) throw error;
    parts.push(chunk);
  });
  for (const [name, bytes] of Object.entries(files)) {
    const entry = name === 'a.txt' ? new ZipPassThrough(name) : new ZipDeflate(name);
    zip.add(entry);
    entry.push(bytes, true);
  }
  zip.end();
  return Buffer.concat(parts);
}

/** The same archive with the sizes and the offset of its only entry, and the directory, in ZIP64 fields. */
function widened(zip: Uint8Array, { extraSize = 24 } = {}): Buffer {
  const bytes = Buffer.from(zip);
  const central = bytes.indexOf('PK\x01\x02', 0, 'latin1');
  const end = bytes.indexOf('PK\x05\x06', 0, 'latin1');
  const header = Buffer.from(bytes.subarray(central, end));
  const extra = Buffer.alloc(4 + 24);
  [1, extraSize].forEach((value, i) => extra.writeUInt16LE(value, 2 * i));
  [24, 20, 42].forEach((field, i) => {
    extra.writeBigUInt64LE(BigInt(header.readUInt32LE(field)), 4 + 8 * i);
    header.writeUInt32LE(0xffffffff, field);
  });
  const other = Buffer.from([0x55, 0x54, 2, 0, 9, 9]); // another extra field before it
  header.writeUInt16LE(other.length + extra.length, 30);
  const directory = Buffer.concat([header, other, extra]);
  const end64 = Buffer.alloc(56 + 20);
  end64.writeUInt32LE(0x06064b50);
  end64.writeBigUInt64LE(1n, 32);
  end64.writeBigUInt64LE(BigInt(directory.length), 40);
  end64.writeBigUInt64LE(BigInt(central), 48);
  end64.writeUInt32LE(0x07064b50, 56);
  end64.writeBigUInt64LE(BigInt(central + directory.length), 64);
  const small = Buffer.from(bytes.subarray(end));
  small.fill(0xff, 8, 20);
  return Buffer.concat([bytes.subarray(0, central), directory, end64, small]);
}

describe('entries', () => {
  it.each([0, 6] as const)('are read from memory (level %i)', async (level) => {
    expect(await unpack(zipSync(files, { level }))).toEqual(files);
    const larger = Buffer.concat([Buffer.alloc(7), zipSync(files, { level })]).subarray(7);
    expect(await unpack(larger)).toEqual(files);
  });

  it('are read from a file, a range at a time', async () => {
    writeFileSync(path, zipSync(files, { level: 0 }));
    const source = await openBytes(path);
    const [first, second] = await listEntries(source);
    expect(Buffer.from(await readEntry(source, second, 'x')).equals(files['deep/视频.txt'])).toBe(true);
    const start = await entryStart(source, first, 'x');
    expect(Buffer.from(await source.read(start, first.size))).toEqual(files['a.txt']);
    await source.close();
  });

  it('are read where their sizes follow the data', async () => {
    expect(await unpack(streamed())).toEqual(files);
  });

  it('are read where sizes, offsets and the directory are in ZIP64 fields', async () => {
    const zip = zipSync({ a: text('only') }, { level: 0 });
    expect(await unpack(widened(zip))).toEqual({ a: text('only') });
    await expect(unpack(widened(zip, { extraSize: 16 }))).rejects.toThrow(
      /^x\.zip: a: expected a ZIP64 field, got none/,
    );
  });

  it('are found before a comment, even one that looks like an end', async () => {
    const bytes = Buffer.from(zipSync(files));
    const comment = Buffer.concat([text('PK\x05\x06'), Buffer.alloc(30, 0xff)]);
    bytes.writeUInt16LE(comment.length, bytes.length - 2);
    expect(await unpack(Buffer.concat([bytes, comment]))).toEqual(files);
  });

  it('are told from a directory before any is read', async () => {
    const zip = zipSync(files);
    const { start, end, count } = await findDirectory(bytesInMemory(zip, 'x.zip'));
    expect(count).toBe(3);
    expect(Buffer.from(zip).readUInt32LE(start)).toBe(0x02014b50);
    expect(end).toBe(zip.length - 22);
  });
});

describe('a damaged zip', () => {
  const zip = Buffer.from(zipSync({ 'a.jpg': Buffer.alloc(100_003) }));
  const stored = Buffer.from(zipSync({ 'a.jpg': text('0123456789') }, { level: 0 }));
  const central = (bytes: Buffer): number => bytes.indexOf('PK\x01\x02', 0, 'latin1');
  const changed = (bytes: Buffer, change: (copy: Buffer) => void): Buffer => {
    const copy = Buffer.from(bytes);
    change(copy);
    return copy;
  };
  const end = (bytes: Buffer): number => bytes.length - 22;

  it.each([
    ['nothing', Buffer.alloc(0), /^x\.zip: expected a zip, got 0 bytes without a zip's end: is it complete\?$/],
    ['a cut', zip.subarray(0, -9), /^x\.zip: expected a zip, got \d+ bytes without/],
    [
      'a directory elsewhere',
      changed(zip, (bytes) => bytes.writeUInt32LE(0x7fffffff, end(bytes) + 16)),
      /^x\.zip: expected a zip with a directory of 1 entries at 2147483647 to \d+, got \d+ bytes/,
    ],
    [
      'more entries than there are',
      changed(zip, (bytes) => bytes.writeUInt16LE(2, end(bytes) + 10)),
      /expected a zip with a directory of 2 entries/,
    ],
    [
      'fewer entries than there are',
      changed(zip, (bytes) => bytes.writeUInt16LE(0, end(bytes) + 10)),
      /^x\.zip: expected 0 entries in the zip's directory, got 0 and \d+ bytes/,
    ],
    [
      'a damaged directory',
      changed(zip, (bytes) => bytes.writeUInt8(0, central(bytes))),
      /^x\.zip: expected an entry in the zip's directory, got other bytes/,
    ],
    [
      'a name beyond the directory',
      changed(zip, (bytes) => bytes.writeUInt16LE(500, central(bytes) + 28)),
      /expected 1 entries in the zip's directory, got 0 and \d+ bytes/,
    ],
    [
      'an entry beyond the end',
      changed(zip, (bytes) => bytes.writeUInt32LE(0x7fffffff, central(bytes) + 42)),
      /^x\.zip: a\.jpg: expected 30 bytes from byte 2147483647 on, got 0: the zip is cut off or damaged/,
    ],
    [
      'data beyond the end',
      changed(stored, (bytes) => {
        bytes.writeUInt32LE(1_000_000, central(bytes) + 20);
        bytes.writeUInt32LE(1_000_000, central(bytes) + 24);
      }),
      /^x\.zip: a\.jpg: expected 1000000 bytes from byte 35 on, got \d+/,
    ],
    [
      'another local header',
      changed(zip, (bytes) => bytes.writeUInt32LE(7, central(bytes) + 42)),
      /^x\.zip: a\.jpg: expected a zip entry at byte 7, got other bytes/,
    ],
    [
      'more than it declares',
      changed(zip, (bytes) => bytes.writeUInt32LE(11, central(bytes) + 24)),
      /^x\.zip: a\.jpg: expected deflated data of 11 bytes, got /,
    ],
    [
      'less than it declares',
      changed(zip, (bytes) => bytes.writeUInt32LE(100_004, central(bytes) + 24)),
      /^x\.zip: a\.jpg: expected 100004 bytes, got 100003 unpacked/,
    ],
    [
      'a changed byte',
      changed(stored, (bytes) => bytes.writeUInt8(0x31, bytes.indexOf('0123'))),
      /^x\.zip: a\.jpg: expected 10 bytes with CRC \d+, got 10 with \d+: the entry is damaged, make it again/,
    ],
    [
      'a ZIP64 end elsewhere',
      changed(widened(stored), (bytes) => bytes.writeBigUInt64LE(1n << 60n, bytes.length - 22 - 12)),
      /^x\.zip: expected a zip with a ZIP64 end, got other bytes/,
    ],
  ])('with %s is refused', async (_, bytes, message) => {
    await expect(unpack(bytes)).rejects.toThrow(message);
    await expect(unpack(bytes)).rejects.toBeInstanceOf(FormatError);
  });

  it.each([
    ['stored', zipSync(files, { level: 0 })],
    ['deflated', zipSync(files, { level: 6 })],
    ['streamed', streamed()],
    ['wide', widened(zipSync({ a: text('only') }))],
  ])('is refused in words or read, however it is damaged: %s', async (name, original) => {
    const reader = {
      name: `a zip: ${name}`,
      corpus: () => [{ name: 'x.zip', bytes: original }],
      read: ({ bytes: file }: { readonly bytes: Buffer }) => unpack(file),
      errors: [FormatError],
    };
    const fuzzer = await Fuzzer.create(reader, join(dirname(path), name));
    let refused = 0;
    for (let number = 0; number < 60; number++) refused += Number(await fuzzer.run(number, 1));
    expect(refused).toBeGreaterThan(15);
  });
});

describe('ZipReader', () => {
  const read = async (zip: Uint8Array, options?: ZipReaderOptions): Promise<Record<string, Buffer>> => {
    writeFileSync(path, zip);
    const reader = await ZipReader.open(path, options);
    const again = await ZipReader.reopen(structuredClone(reader.share()));
    await reader.close();
    const all: Record<string, Buffer> = {};
    for (const key of again.keys()) all[key] = Buffer.from((await again.read(key))!);
    expect([again.size, again.has('no'), await again.read('no')]).toEqual([Object.keys(all).length, false, undefined]);
    await again.close();
    return all;
  };

  it.each([0, 6] as const)('gives entries by name, to other threads too (level %i)', async (level) => {
    expect(await read(zipSync(files, { level }))).toEqual(files);
  });

  it('gives entries by a key of the name, and leaves others out', async () => {
    const keyOf = (name: string): string | undefined => (name.endsWith('.txt') ? name.slice(0, -4) : undefined);
    expect(await read(zipSync(files), { keyOf })).toEqual({ a: files['a.txt'], 'deep/视频': files['deep/视频.txt'] });
    await expect(
      read(zipSync({ '1.txt': text(''), '2.txt': text('') }), { keyOf: () => 'x', keyName: 'id' }),
    ).rejects.toThrow(/a\.zip: 2\.txt: expected every id once, got x twice/);
  });

  it('keeps to its limit', async () => {
    const bomb = zipSync({ a: Buffer.alloc(1_000_003) });
    await expect(read(bomb, { maxEntryBytes: 1_000_002 })).rejects.toThrow(
      /a: expected at most 1000002 bytes, got 1000003/,
    );
    expect((await read(bomb, { maxEntryBytes: 1_000_003 })).a).toHaveLength(1_000_003);
  });

  it.each([
    [8, 1, /a: expected a plain entry, got an encrypted one/],
    [10, 12, /a: expected a stored or deflated entry, got method 12/],
  ])('refuses what it cannot read (%#)', async (field, value, message) => {
    const bytes = Buffer.from(zipSync({ a: text('a') }));
    bytes.writeUInt16LE(value, bytes.indexOf('PK\x01\x02', 0, 'latin1') + field);
    await expect(read(bytes)).rejects.toThrow(message);
  });

  describe('of a file', () => {
    beforeAll(() => writeFileSync(path, zipSync(files)));

    it('says where there is none', async () => {
      await expect(ZipReader.open(`${path}.no`)).rejects.toMatchObject({
        code: 'ENOENT',
        message: `cannot open ${path}.no: no such file or folder: check the path`,
      });
    });

    it('notices that it was cut while open', async () => {
      writeFileSync(path, zipSync(files, { level: 0 }));
      const reader = await ZipReader.open(path);
      truncateSync(path, readFileSync(path).indexOf('second') + 3);
      await expect(reader.read('deep/视频.txt')).rejects.toThrow(
        /a\.zip: expected \d+ bytes, got \d+: the file is cut/,
      );
      await reader.close();
    });
  });
});

it('has names in UTF-8, in the encoding of a Chinese Windows, and in any other apart', async () => {
  // Of one length, so that they can be put in place of each other.
  const put = (names: readonly Uint8Array[]): Buffer => {
    const zip = Buffer.from(zipSync({ 'aa1.jpg': text('1'), 'bb2.jpg': text('2') }));
    ['aa1.jpg', 'bb2.jpg'].forEach((name, i) => {
      for (let at = zip.indexOf(name); at >= 0; at = zip.indexOf(name, at + 1)) zip.set(names[i], at);
    });
    return zip;
  };
  const gbk = [Buffer.from('b9b7', 'hex'), Buffer.from('d3e3', 'hex')]; // 狗 and 鱼
  expect(Object.keys(await unpack(put(gbk)))).toEqual(['狗1.jpg', '鱼2.jpg']);
  expect(Object.keys(await unpack(put([text('é'), text('ß')])))).toEqual(['é1.jpg', 'ß2.jpg']);
  const odd = await unpack(put([Buffer.from('ff3131', 'hex'), Buffer.from('fe3131', 'hex')]));
  expect(Object.keys(odd)).toEqual(['ÿ11.jpg', 'þ11.jpg']);
});
