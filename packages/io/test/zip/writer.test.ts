import { existsSync, readFileSync, readdirSync, truncateSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { unzipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../../src/errors.js';
import { AtomicFile, openBytes } from '../../src/index.js';
import { listEntries, recoverEntries, ZipReader, ZipWriter } from '../../src/zip.js';
import { testFolder } from '../folder.js';

const path = join(testFolder(), 'a.zip');
const bytesOf = (i: number): Buffer => Buffer.from(`content ${i} `.repeat(i));
const nameOf = (i: number): string => `视${i}.npy`;

async function write(count: number, writer?: ZipWriter): Promise<Buffer> {
  const zip = writer ?? (await ZipWriter.create(path));
  for (let i = 0; i < count; i++) if (!zip.has(nameOf(i))) await zip.add(nameOf(i), bytesOf(i));
  await zip.finish();
  return readFileSync(path);
}

describe('ZipWriter', () => {
  it('writes what others read, the same bytes for the same content', async () => {
    const first = await write(7);
    expect(await write(7)).toEqual(first);
    const read = Object.entries(unzipSync(first)).map(([name, bytes]) => [name, Buffer.from(bytes)]);
    expect(read).toEqual(Array.from({ length: 7 }, (_, i) => [nameOf(i), bytesOf(i)]));
    expect(readdirSync(dirname(path))).toEqual(['a.zip']);
  });

  it('writes over 65,535 entries', async () => {
    const zip = await ZipWriter.create(path);
    for (let i = 0; i < 65_537; i++) await zip.add(String(i), Uint8Array.of(i & 0xff));
    await zip.finish(false);
    const reader = await ZipReader.open(path);
    expect(reader.size).toBe(65_537);
    for (const i of [0, 300, 65_536]) expect(await reader.read(String(i))).toEqual(Buffer.from([i & 0xff]));
    await reader.close();
  });

  it('writes offsets beyond 4 GiB', async () => {
    await AtomicFile.create(path).then((file) => file.suspend());
    const far = { name: 'far', offset: 5 * 2 ** 30, size: 3, crc: 7 };
    const zip = await ZipWriter.resume(path, { entries: [far], end: 0 });
    await zip.add('near', Uint8Array.of(1));
    await zip.finish();
    const source = await openBytes(path);
    const entries = await listEntries(source);
    expect(entries.map(({ name, offset, size }) => [name, offset, size])).toEqual([
      ['far', far.offset, 3],
      ['near', 0, 1],
    ]);
    await source.close();
  });

  it('refuses a name for the second time', async () => {
    const zip = await ZipWriter.create(path);
    await zip.add('a', bytesOf(1));
    await expect(zip.add('a', bytesOf(2))).rejects.toThrow(/a\.zip: expected each name once, got a twice/);
    await expect(zip.add('a', bytesOf(2))).rejects.toBeInstanceOf(FormatError);
    await zip.abandon();
    expect(existsSync(`${path}.part`)).toBe(false);
  });
});

describe('an interrupted write', () => {
  it('goes on, whatever was torn, to the same bytes', async () => {
    const complete = await write(5);
    for (const cut of [0, 10, 60, 61, 150, 1000]) {
      const zip = await ZipWriter.create(path);
      for (let i = 0; i < 4; i++) await zip.add(nameOf(i), bytesOf(i));
      await zip.suspend();
      truncateSync(`${path}.part`, Math.min(cut, readFileSync(`${path}.part`).length));
      const recovered = await recoverEntries(`${path}.part`);
      expect(recovered.end).toBeLessThanOrEqual(cut);
      recovered.entries.forEach((entry, i) => expect(entry.name).toBe(nameOf(i)));
      expect(await write(5, await ZipWriter.resume(path, recovered))).toEqual(complete);
    }
  });

  it('recovers no entry with a name that nobody writes', async () => {
    const zip = await ZipWriter.create(path);
    await zip.add('a', bytesOf(1));
    await zip.add('a'.repeat(69), bytesOf(2));
    await zip.add('b', bytesOf(3));
    await zip.suspend();
    const recovered = await recoverEntries(`${path}.part`, 68);
    expect(recovered.entries.map(({ name }) => name)).toEqual(['a']);
    expect((await recoverEntries(`${path}.part`)).entries).toHaveLength(3);
  });
});
