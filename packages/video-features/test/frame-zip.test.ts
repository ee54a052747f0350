import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { strToU8, zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { SourceError, ZIP_LIMITS, readFrameZip } from '../src/index.js';

const files = { 'b.jpg': strToU8('second'.repeat(50)), 'a.jpg': strToU8('first'), '10.jpg': strToU8('zeroth') };

function indexOfText(bytes: Uint8Array, text: string): number {
  return Buffer.from(bytes).indexOf(text, 0, 'latin1');
}

describe('readFrameZip', () => {
  it.each([0, 6] as const)('gives the files in the order of their names (level %i)', async (level) => {
    const frames = await readFrameZip(zipSync(files, { level }));
    expect(frames.map(({ name }) => name)).toEqual(['10.jpg', 'a.jpg', 'b.jpg']);
    expect(frames.map(({ bytes }) => Buffer.from(bytes).toString())).toEqual(['zeroth', 'first', 'second'.repeat(50)]);
  });

  it('reads a file, and bytes that stand within a larger buffer', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'zip-'));
    const bytes = zipSync(files);
    await writeFile(join(folder, 'v.zip'), bytes);
    expect(await readFrameZip(join(folder, 'v.zip'))).toHaveLength(3);
    await rm(folder, { recursive: true });
    const larger = new Uint8Array(bytes.length + 7);
    larger.set(bytes, 7);
    expect(await readFrameZip(larger.subarray(7))).toHaveLength(3);
  });

  it('leaves out folders, what systems leave, and notes', async () => {
    const names = [
      ...['__MACOSX/v/._1.jpg', 'v/__MACOSX/1.jpg', 'v/.DS_Store', 'v/Thumbs.db', 'v/desktop.ini'],
      ...['v/meta.json', 'v/list.txt'],
    ];
    const litter = Object.fromEntries(names.map((name) => [name, strToU8('x')]));
    const picture = Uint8Array.of(0xff, 0xd8, 0xff, 0xe0);
    const pictures = { 'v/1.jpg': strToU8('damaged'), 'v/2': strToU8('2'), 'v/3.dat': picture };
    const frames = await readFrameZip(zipSync({ 'v/': new Uint8Array(0), ...litter, ...pictures }));
    expect(frames.map(({ name }) => name)).toEqual(['v/1.jpg', 'v/2', 'v/3.dat']);
  });

  it('counts the numbers in names: 2 before 10', async () => {
    const names = [1, 10, 11, 2, 9].map((i) => `v/frame${i}.jpg`);
    const frames = await readFrameZip(zipSync(Object.fromEntries(names.map((name) => [name, strToU8(name)]))));
    expect(frames.map(({ name }) => name)).toEqual([1, 2, 9, 10, 11].map((i) => `v/frame${i}.jpg`));
  });

  it('names what is there in place of pictures', async () => {
    const reading = readFrameZip(zipSync({ 'meta.json': strToU8('{}'), 'Thumbs.db': strToU8('x') }), { name: 'v.zip' });
    await expect(reading).rejects.toThrow('v.zip: expected at least one picture, got another file: "meta.json"');
  });

  it.each(['/etc/x.jpg', '../x.jpg', 'a/../../x.jpg', 'C:\\x.jpg', '..\\x.jpg', 'a\0.jpg'])(
    'refuses the name %j',
    async (name) => {
      await expect(readFrameZip(zipSync({ [name]: strToU8('x') }))).rejects.toThrow('expected a relative name');
    },
  );

  it('notices a changed byte by its checksum', async () => {
    const bytes = zipSync(files, { level: 0 });
    bytes[indexOfText(bytes, 'zeroth')] ^= 1;
    const reading = readFrameZip(bytes, { name: 'v.zip' });
    await expect(reading).rejects.toThrow(SourceError);
    await expect(reading).rejects.toThrow('v.zip: "10.jpg": the checksum (CRC-32) does not match the content. Copy or');
  });

  it('says what is wrong with a cut, foreign or missing file', async () => {
    const bytes = zipSync(files);
    await expect(readFrameZip(bytes.subarray(0, -9), { name: 'v.zip' })).rejects.toThrow(
      /^v\.zip: expected a zip, got/,
    );
    await expect(readFrameZip(new Uint8Array(0))).rejects.toThrow('expected a zip, got 0 bytes');
    await expect(readFrameZip('/nowhere/v.zip')).rejects.toThrow('/nowhere/v.zip: expected a file, found none');
    await expect(readFrameZip('/tmp')).rejects.toThrow('/tmp: expected a file, got a folder');
  });

  it('keeps to its limits', async () => {
    const bomb = zipSync({ 'a.jpg': new Uint8Array(1_000_003), 'b.jpg': new Uint8Array(5) });
    const read = (limits: Partial<typeof ZIP_LIMITS>) => readFrameZip(bomb, { limits: { ...ZIP_LIMITS, ...limits } });
    await expect(read({ maxEntryBytes: 1000 })).rejects.toThrow('"a.jpg": expected at most 1000 bytes unpacked');
    await expect(read({ maxTotalBytes: 1_000_007 })).rejects.toThrow('"b.jpg": expected at most 1000007 bytes');
    await expect(read({ maxEntries: 1 })).rejects.toThrow('at most 1 entries, got 2');
    await expect(read({ maxBytes: 100 })).rejects.toThrow('at most 100 bytes, got');
  });

  it('unpacks no more than an entry declares', async () => {
    const bomb = zipSync({ 'a.jpg': new Uint8Array(1_000_003) });
    const central = indexOfText(bomb, 'PK\x01\x02');
    new DataView(bomb.buffer).setUint32(central + 24, 11, true);
    await expect(readFrameZip(bomb)).rejects.toThrow('damaged or longer than declared');
  });
});
