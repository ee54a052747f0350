import { strToU8, zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { readCategories, writeCategories, writeEmbeddings } from '../src/index.js';
import { readEmbeddings } from '../src/node.js';

describe('result.csv', () => {
  const predictions = new Map([
    ['12345678901234567890', '0007'],
    ['12345678901234567891', '2201'],
  ]);

  it('comes back as it was written', () => {
    expect(writeCategories(predictions)).toBe('12345678901234567890,0007\n12345678901234567891,2201\n');
    expect(readCategories(writeCategories(predictions), new Set(predictions.keys()))).toEqual(predictions);
  });

  it('is not written with what would not read again', () => {
    const bad = new Map([
      ['a,b', '0007'],
      ['c', '7'],
      ['', '0001'],
    ]);
    expect(() => writeCategories(bad)).toThrow(
      [
        'result.csv:',
        "  expected an id without commas and spaces, got 'a,b'",
        "  c: expected a category of 4 digits, got '7'",
        "  expected an id without commas and spaces, got ''",
      ].join('\n'),
    );
  });

  it('is read with a byte order mark and CRLF, and named in messages as the caller says', () => {
    expect(readCategories('\ufeffa,0001\r\n', new Set(['a']))).toEqual(new Map([['a', '0001']]));
    expect(() => readCategories('a;0001\n', new Set(['a']), undefined, 'truth.csv')).toThrow(
      /^truth\.csv:\n {2}line 1/,
    );
  });

  it('has all its problems told at once', () => {
    const text = 'a,0001\na,0002\nb,12\nc\nd,0009\n';
    expect(() => readCategories(text, new Set(['a', 'b', 'e']), new Set(['0001', '0002']))).toThrow(
      [
        'result.csv:',
        '  line 2: expected every id once, got a again',
        "  line 3: expected a category of 4 digits, got '12'",
        "  line 4: expected 'id,category_id', got 'c'",
        "  line 5: expected a known category, got '0009'",
        '  expected 3 ids, 1 are missing (e, ...)',
        '  expected no other ids, got 1 unknown ones (d, ...)',
      ].join('\n'),
    );
  });
});

describe('result.json', () => {
  const ids = new Set(['1', '2']);
  const zip = (json: string): Uint8Array => zipSync({ 'result.json': strToU8(json) });

  it('comes back as it was written', async () => {
    const embeddings = new Map([
      ['1', [0.25, -1]],
      ['2', [0.5, 3]],
    ]);
    expect(await readEmbeddings(writeEmbeddings(embeddings), ids)).toEqual(embeddings);
    expect(writeEmbeddings(embeddings)).toEqual(writeEmbeddings(embeddings));
  });

  it.each([
    [{ 1: Array(257).fill(0), 2: [0] }, '1: expected 1 to 256 finite numbers, got 257 numbers'],
    [{ 1: [0, null], 2: [0, 1] }, '1: expected 1 to 256 finite numbers, got null at place 1'],
    [{ 1: [0], 3: [0] }, 'expected 2 ids, 1 are missing (2, ...)'],
    [{ 1: [0], 2: [0, 1] }, 'expected vectors of one width, got 1, 2'],
  ])('is refused with the reason', async (record, message) => {
    await expect(readEmbeddings(zip(JSON.stringify(record)), ids)).rejects.toThrow(message);
  });

  it.each([
    ['{"1": [0, NaN], "2": [0, 1]}', 'got NaN in 1, which JSON does not have'],
    ['{"1": [0, 1], "2": [-Infinity, 1]}', 'got -Infinity in 2, which JSON does not have'],
    ['{"1": [0, 1e999], "2": [0, 1]}', '1: expected 1 to 256 finite numbers, got Infinity at place 1'],
    ['{"1": [0, 1], "2": [0, 1], "1": [1, 1]}', 'expected every id once, got 1 again'],
    ['[[0, 1], [0, 1]]', 'expected an object {id: [numbers]}, got a list'],
    ['{"1": [0', 'expected an object {id: [numbers]}, got '],
    ['{"1": ["x"], "2": [0]}', /^result\.json:\n {2}1: expected 1 to 256 finite numbers, got x at place 0$/],
    ['{"1": [], "2": {}}', '1: expected 1 to 256 finite numbers, got 0 numbers'],
  ])('is refused as a file: %s', async (json, message) => {
    await expect(readEmbeddings(zip(json), ids)).rejects.toThrow(message);
  });

  it('is not written with what would be refused', () => {
    const write = (vector: number[]) => () => writeEmbeddings(new Map([['1', vector]]));
    expect(write([0, NaN])).toThrow('1: expected 1 to 256 finite numbers, got NaN at place 1');
    expect(write(Array<number>(257).fill(0))).toThrow('got 257 numbers');
  });

  it('must be in the zip', async () => {
    await expect(readEmbeddings(zipSync({ other: strToU8('{}') }), ids)).rejects.toThrow(
      'submission: result.json: expected one in the zip, got none',
    );
    await expect(readEmbeddings(strToU8('no zip'), ids)).rejects.toThrow(
      "submission: expected a zip, got 6 bytes without a zip's end",
    );
  });

  it('is read in linear time, whatever its text is', async () => {
    const hostile = [
      '"a":['.repeat(2_000_000),
      `{${'"a":['.repeat(2_000_000)}`,
      '"'.repeat(10_000_000),
      `{"a":"${'\\'.repeat(5_000_000)}`,
      `{"a":${'['.repeat(10_000_000)}`,
      `{"a":[${'"x":[NaN'.repeat(1_000_000)}`,
      `{${' '.repeat(10_000_000)}`,
    ];
    for (const json of hostile) {
      const packed = zip(json);
      const start = performance.now();
      await expect(readEmbeddings(packed)).rejects.toThrow(/^result\.json: expected an object/);
      expect(performance.now() - start, json.slice(0, 20)).toBeLessThan(5000); // minutes before, under a second now
    }
  });

  it('is not unpacked where it claims too much, and never beyond what it claims', async () => {
    const bomb = zip(`{"1": [${'0,'.repeat(30_000_000)}0]}`);
    const directory = bomb.length - 22 - 46 - 'result.json'.length; // behind it, the end record of 22 bytes
    expect(new DataView(bomb.buffer).getUint32(directory, true)).toBe(0x02014b50);
    const claiming = (size: number): Uint8Array => {
      const copy = bomb.slice();
      new DataView(copy.buffer).setUint32(directory + 24, size, true);
      return copy;
    };
    const before = process.memoryUsage().rss;
    await expect(readEmbeddings(claiming(0xfffffff0))).rejects.toThrow(
      'submission: result.json: expected at most 536870912 bytes unpacked, got 4294967280',
    );
    await expect(readEmbeddings(claiming(100))).rejects.toThrow(
      'submission: result.json: expected deflated data of 100 bytes, got',
    );
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 2 ** 20);
    await expect(readEmbeddings(bomb)).rejects.toThrow('got over 65536 bytes for 1, or the end of the file in it');
  });

  it('is refused where one byte of it has changed', async () => {
    const packed = zipSync({ 'result.json': strToU8('{"1": [0.25]}') }, { level: 0 });
    const digit = packed.indexOf('2'.charCodeAt(0), 41);
    packed[digit] = '3'.charCodeAt(0);
    await expect(readEmbeddings(packed)).rejects.toThrow(
      /expected 13 bytes with CRC \d+, got 13 with \d+: the entry is damaged/,
    );
  });

  it('is told in a message of at most a kilobyte', async () => {
    const long = 'x'.repeat(1000);
    const record = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`${i}${long}`, [long, long]]));
    const message = await messageOf(readEmbeddings(zip(JSON.stringify(record)), new Set([long])));
    expect(message).toMatch(
      /^result\.json:\n {2}0x+\.\.\.: expected 1 to 256 finite numbers, got x+\.\.\. at place 0\n/,
    );
    expect(message).toContain('and 992 more');
    expect(message.length).toBeLessThanOrEqual(2000);
  });
});

async function messageOf(run: Promise<unknown>): Promise<string> {
  return run.then(
    () => '',
    (error: Error) => error.message,
  );
}
