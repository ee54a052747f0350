import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { WbdcError } from '@wbdc/io/errors';
import { mutate } from '../fuzz/mutate.js';
import { publicReaders } from '../fuzz/public-readers.js';
import { Fuzzer, FuzzFailure, type Reader } from '../fuzz/reader.js';
import { NO_READERS, READERS } from '../fuzz/readers.js';

const root = mkdtempSync(join(tmpdir(), 'wbdc-fuzz-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A short run of what `npm run fuzz` does 10,000 times. */
const MUTATIONS = 12;

/** Another one every day, so that CI sees more in time; a failure names it. */
const SEED = Math.floor(Date.now() / 86_400_000);

/** The public function that a row of the table tries. */
const functionOf = (name: string): string => name.replace(/ \(.*\)$/, '');

describe('every public reader', () => {
  it.each(READERS.map((reader, i) => [reader.name, reader, i] as const))('%s', async (name, reader, i) => {
    const reason = reader.skip?.();
    if (reason !== undefined) return console.warn(`${name} is not tried: ${reason}`);
    const fuzzer = await Fuzzer.create(reader, join(root, String(i)));
    await fuzzer.readOriginals();
    for (let number = 0; number < MUTATIONS; number++) await fuzzer.run(number, SEED);
  });
});

it('is in the table, or an exception with a reason', () => {
  const listed = new Set([...READERS.flatMap(({ name, covers = [] }) => [functionOf(name), ...covers])]);
  const found = publicReaders(join(import.meta.dirname, '..', '..'));
  expect(found.filter((name) => !listed.has(name) && !(name in NO_READERS))).toEqual([]);
  expect(Object.keys(NO_READERS).filter((name) => !found.includes(name) || listed.has(name))).toEqual([]);
  expect(found.length).toBeGreaterThan(80);
  for (const name of [
    'io: ZipReader.open',
    'tokenizer: Tokenizer.fromFiles',
    'pipeline: openTrained',
    'train: loadCheckpoint',
  ]) {
    expect(found).toContain(name);
  }
});

describe('a fuzzer', () => {
  const sample = { name: 'a', bytes: Buffer.from('{"a": [1, 22, 333]}') };
  const reader = (read: Reader['read']): Reader => ({ name: 'x: y', corpus: () => [sample], read });
  const failing = async (read: Reader['read'], more: Partial<Reader> = {}): Promise<FuzzFailure> => {
    const fuzzer = await Fuzzer.create({ ...reader(read), ...more }, join(root, 'failing'));
    const error = await fuzzer.run(0, 1).catch((failure: unknown) => failure);
    if (error instanceof FuzzFailure) return error;
    throw new Error(`expected a failure, got ${String(error)}`);
  };

  it('repeats a mutation from its seed and number, and hardly ever another', () => {
    const of = (number: number, seed = 1) => mutate(sample.bytes, [], { seed, number, reader: 'x' }).toString('latin1');
    expect(of(5)).toBe(of(5));
    expect(new Set(Array.from({ length: 300 }, (_, number) => of(number))).size).toBeGreaterThan(250);
    expect(of(5, 2)).not.toBe(of(5));
  });

  it('lets a reader refuse in words', async () => {
    const fuzzer = await Fuzzer.create(
      reader(() => Promise.reject(new WbdcError('expected a, got b'))),
      join(root, 'refusing'),
    );
    expect(await fuzzer.run(0, 1)).toBe(true);
  });

  it('fails for errors of another kind, raw words, long messages, time and memory', async () => {
    const kept: Buffer[] = [];
    const wrong = (error: Error) => () => Promise.reject(error);
    expect((await failing(wrong(new TypeError('x is null')))).message).toContain('threw TypeError: x is null');
    expect((await failing(wrong(new WbdcError('func is not a function')))).message).toContain('words of JavaScript');
    const long = Object.assign(new WbdcError('short'), { message: 'x'.repeat(2000) });
    expect((await failing(wrong(long))).message).toContain('a message of 2000 bytes');
    const busy = () => {
      for (const end = performance.now() + 400; performance.now() < end;);
    };
    expect((await failing(busy, { most: { seconds: 0.05 } })).message).toMatch(/took 0\.\d s/);
    const greedy = () => void kept.push(Buffer.alloc(64 << 20, 1));
    expect((await failing(greedy, { most: { bytes: 16 << 20 } })).message).toMatch(/took \d+ MiB/);
    expect(kept[0][0]).toBe(1);
  });
});
