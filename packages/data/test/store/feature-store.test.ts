import { existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { floats, type Floats } from '@wbdc/nn';
import { unzipSync, zipSync } from 'fflate';
import { beforeEach, describe, expect, it } from 'vitest';
import { createFeatureStore, encodeNpy, openFeatureStore, verifyFeatureStore } from '../../src/index.js';
import { fixture, testFolder } from '../folder.js';

const folder = testFolder();
const path = join(folder, 'labeled.zip');
const id = (i: number): string => `${10n ** 19n + BigInt(i)}`;
const features = (i: number, frames = 3): Floats =>
  floats(
    [frames, 5],
    Float32Array.from({ length: frames * 5 }, (_, k) => (i + k) / 8),
  );

async function write(count: number, recipe?: Record<string, unknown>): Promise<void> {
  const writer = await createFeatureStore(path, { width: 5, ...(recipe && { recipe }) });
  for (let i = 0; i < count; i++) await writer.add(id(i), features(i, i % 4));
  await writer.finish();
}

describe('feature store', () => {
  it('reads a store written by Python', async () => {
    const store = await openFeatureStore(fixture('features.zip'));
    expect([...store.ids]).toEqual(['10000000000000000003', '10000000000000000011', '10000000000000000029']);
    expect(store).toMatchObject({ width: 5, size: 3 });
    expect(store.recipe).toBeUndefined();
    const { data, shape } = await store.read('10000000000000000011');
    expect(shape).toEqual([2, 5]);
    const exact = Array.from({ length: 10 }, (_, i) => i / 3 - 1);
    data.forEach((value, i) => expect(value).toBeCloseTo(exact[i], 3));
    expect((await store.read('10000000000000000029')).shape).toEqual([0, 5]);
    await store.close();
  });

  it('refuses values that are no numbers, which other tools write, and counts them when it is verified', async () => {
    const npy = (value: number): Uint8Array =>
      encodeNpy(floats([2, 5], new Float32Array(10).fill(0.5, 0, 7).fill(value, 7, 8)), 'float16');
    const entries = { [`${id(0)}.npy`]: npy(1), [`${id(1)}.npy`]: npy(NaN), [`${id(2)}.npy`]: npy(Infinity) };
    writeFileSync(path, zipSync(entries, { level: 0 }));
    const store = await openFeatureStore(path);
    expect((await store.read(id(0))).shape).toEqual([2, 5]);
    await expect(store.read(id(1))).rejects.toThrow(`${id(1)}: expected finite features, got NaN in frame 1`);
    await expect(store.read(id(2))).rejects.toThrow(`${id(2)}: expected finite features, got Infinity in frame 1`);
    await store.close();
    const bad: string[] = [];
    const report = await verifyFeatureStore(path, { onBad: ({ message }) => bad.push(message) });
    expect([report.bad, bad.length]).toEqual([2, 2]);
  });

  it('has no video of what macOS leaves in a zip', async () => {
    const npy = encodeNpy(features(1), 'float16');
    const entries = { [`f/${id(0)}.npy`]: npy, [`__MACOSX/f/._${id(0)}.npy`]: Buffer.from('x'), 'f/._9.npy': npy };
    writeFileSync(path, zipSync(entries, { level: 0 }));
    const store = await openFeatureStore(path);
    expect([store.size, [...store.ids]]).toEqual([1, [id(0)]]);
    await store.close();
    expect(await verifyFeatureStore(path)).toMatchObject({ videos: 1, bad: 0 });
  });

  it('reads what it wrote, by id', async () => {
    await write(97, { model: 'a' });
    const store = await openFeatureStore(path, { width: 5 });
    expect(store.recipe).toEqual({ model: 'a' });
    expect(store.size).toBe(97);
    expect([...store.ids]).toEqual(Array.from({ length: 97 }, (_, i) => id(i)));
    for (const i of [96, 0, 41]) expect(await store.read(id(i))).toEqual(features(i, i % 4));
    expect(store.has(id(97))).toBe(false);
    expect(store.has('recipe.json')).toBe(false);
    await store.close();
  });

  it('writes the same bytes for the same content, and a zip that others read', async () => {
    await write(3);
    const first = readFileSync(path);
    await write(3);
    expect(readFileSync(path).equals(first)).toBe(true);
    expect(Buffer.from(unzipSync(first)[`${id(1)}.npy`])).toEqual(Buffer.from(encodeNpy(features(1, 1), 'float16')));
  });

  it('reads deflated entries too', async () => {
    writeFileSync(path, zipSync({ [`deep/${id(1)}.npy`]: encodeNpy(features(1), 'float16') }, { level: 6 }));
    const store = await openFeatureStore(path);
    expect(await store.read(id(1))).toEqual(features(1));
    await store.close();
  });

  it('holds over 65,535 entries (ZIP64)', async () => {
    const writer = await createFeatureStore(path, { width: 1 });
    for (let i = 0; i < 65_537; i++) await writer.add(id(i), floats([0, 1]));
    await writer.finish();
    const store = await openFeatureStore(path);
    expect(store.size).toBe(65_537);
    expect((await store.read(id(65_536))).shape).toEqual([0, 1]);
    await store.close();
  });
});

describe('a store being written', () => {
  it('does not stand under its name before it is complete', async () => {
    const other = join(folder, 'other.zip');
    const writer = await createFeatureStore(other, { width: 5 });
    await writer.add(id(0), features(0));
    expect(existsSync(other)).toBe(false);
    await writer.abandon();
    expect(existsSync(`${other}.part`)).toBe(false);
  });

  it.each([
    [features(0, 2), { ...features(0), shape: [5, 3] }, /expected features \[n, 5\], got \[5, 3\]/],
    [features(0, 2), floats([1, 5], Float32Array.of(0, 1, NaN, 3, 4)), /got NaN in frame 0/],
    [features(0, 2), floats([2, 5], new Float32Array(10).fill(65520, 5)), /up to 65504, got 65520 in frame 1/],
  ])('refuses features that do not fit (%#)', async (good, bad, message) => {
    const writer = await createFeatureStore(path, { width: 5 });
    await writer.add(id(0), good);
    await expect(writer.add(id(1), bad)).rejects.toThrow(message);
    await expect(writer.add(id(0), good)).rejects.toThrow(/expected each name once/);
    await expect(writer.add('../x', good)).rejects.toThrow(/expected an id/);
    await writer.abandon();
  });

  it('goes on after an interruption, whatever was torn', async () => {
    await write(7, { model: 'a' });
    const complete = readFileSync(path);
    const options = { width: 5, recipe: { model: 'a' }, resume: true };
    for (const cut of [0, 50, 300, 301, 700]) {
      const writer = await createFeatureStore(path, options);
      for (let i = 0; i < 5; i++) if (!writer.has(id(i))) await writer.add(id(i), features(i, i % 4));
      await writer.suspend();
      truncateSync(`${path}.part`, cut);
      const again = await createFeatureStore(path, options);
      for (let i = 0; i < 7; i++) if (!again.has(id(i))) await again.add(id(i), features(i, i % 4));
      await again.finish();
      expect(readFileSync(path).equals(complete)).toBe(true);
    }
  });

  it('goes on before a block of zeros, whose empty entry is whole by its checksum', async () => {
    await write(4, { model: 'a' });
    const complete = readFileSync(path);
    const options = { width: 5, recipe: { model: 'a' }, resume: true };
    const writer = await createFeatureStore(path, options);
    for (let i = 0; i < 4; i++) await writer.add(id(i), features(i, i % 4));
    await writer.suspend();
    const part = readFileSync(`${path}.part`);
    const header = part.indexOf(`${id(2)}.npy`) - 30;
    part.fill(0, header + 14, header + 26); // checksum and sizes
    writeFileSync(`${path}.part`, part);
    const again = await createFeatureStore(path, options);
    expect([1, 2, 3].map((i) => again.has(id(i)))).toEqual([true, false, false]);
    for (let i = 2; i < 4; i++) await again.add(id(i), features(i, i % 4));
    await again.finish();
    expect(readFileSync(path).equals(complete)).toBe(true);
  });

  it('does not go on with another recipe', async () => {
    const writer = await createFeatureStore(path, { width: 5, recipe: { model: 'a' } });
    await writer.add(id(0), features(0));
    await writer.suspend();
    await expect(createFeatureStore(path, { width: 5, recipe: { model: 'b' }, resume: true })).rejects.toThrow(
      /same recipe/,
    );
    await expect(createFeatureStore(path, { width: 5, resume: true })).rejects.toThrow(/same recipe/);
  });
});

describe('a damaged store', () => {
  beforeEach(() => write(5));

  it('is refused when cut off', async () => {
    truncateSync(path, readFileSync(path).length - 9);
    await expect(openFeatureStore(path)).rejects.toThrow(/labeled\.zip: expected a zip.*is it complete/);
  });

  it('names the video whose bytes changed', async () => {
    const bytes = readFileSync(path);
    bytes[bytes.indexOf(`${id(2)}.npy`) + 24 + 128 + 3]++;
    writeFileSync(path, bytes);
    const store = await openFeatureStore(path);
    await expect(store.read(id(2))).rejects.toThrow(
      /10000000000000000002: expected 148 bytes with CRC \d+, got 148 with/,
    );
    expect(await store.read(id(3))).toEqual(features(3));
    await store.close();
  });

  it('says what is missing or of another width', async () => {
    const store = await openFeatureStore(path, { width: 7 });
    await expect(store.read(id(1))).rejects.toThrow(/10000000000000000001: expected features \[n, 7\], got \[1, 5\]/);
    await expect(store.read('123')).rejects.toThrow(/expected features of video 123, got none/);
    await store.close();
  });

  it('is refused with an id twice, or empty', async () => {
    const npy = encodeNpy(features(1), 'float16');
    writeFileSync(path, zipSync({ 'a/111.npy': npy, 'b/111.npy': npy }));
    await expect(openFeatureStore(path)).rejects.toThrow(/expected every id once, got 111 twice/);
    writeFileSync(path, zipSync({}));
    await expect(openFeatureStore(path)).rejects.toThrow(/got an empty store/);
  });

  it('is refused at once with very many arrays that cannot be read, and opened with a few', async () => {
    const broken = (count: number) => Array.from({ length: count }, (_, i) => [`${1000 + i}.npy`, new Uint8Array()]);
    const npy = encodeNpy(features(1), 'float16');
    const zip = (entries: unknown[][]): void => writeFileSync(path, zipSync(Object.fromEntries(entries), { level: 0 }));
    zip([...broken(2000), ['9999.npy', npy]]);
    await expect(openFeatureStore(path)).rejects.toThrow(
      /expected features, got none among the first 100 of 2001 \(1099: expected a \.npy array, got 0 bytes/,
    );
    zip([...broken(99), ['9999.npy', npy]]);
    const store = await openFeatureStore(path);
    expect(store.width).toBe(5);
    await store.close();
    zip([['1000.npy', encodeNpy({ data: new Float32Array(0), shape: [0, 0] }, 'float16')]]);
    await expect(openFeatureStore(path)).rejects.toThrow(/1000: expected features \[n, Dv\], got a width of 0/);
  });
});
