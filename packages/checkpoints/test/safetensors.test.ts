import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { floats, ints, type Floats, type Ints } from '@wbdc/nn';
import { parseSafetensors, serializeSafetensors } from '../src/index.js';
import { openSafetensors, writeSafetensors } from '../src/node.js';

const fixture = (name: string): URL => new URL(`fixtures/${name}`, import.meta.url);
const expected = JSON.parse(readFileSync(fixture('types.json'), 'utf8')) as Record<
  string,
  { shape: number[]; values: number[] }
>;

/** float32 values as their bits: -0, infinities and NaN payloads count. */
function bits({ data }: Floats | Ints): number[] {
  return Array.from(data instanceof Float32Array ? new Uint32Array(data.slice().buffer) : data);
}

/** A file of this header, padded as given, and so many zero bytes of data. */
function fileOf(header: unknown, dataSize: number): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + dataSize);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

describe('bytes', () => {
  it('reads every type as the reference implementation does', () => {
    const { tensors, metadata } = parseSafetensors(readFileSync(fixture('types.safetensors')));
    expect(metadata).toEqual({ format: 'pt' });
    expect(Object.keys(tensors).sort()).toEqual(Object.keys(expected).sort());
    for (const [name, { shape, values }] of Object.entries(expected)) {
      expect(tensors[name].shape, name).toEqual(shape);
      expect(bits(tensors[name]), name).toEqual(values);
    }
  });

  it('writes the bytes of the reference implementation', () => {
    const original = readFileSync(fixture('floats.safetensors'));
    const { tensors, metadata } = parseSafetensors(original);
    const reversed = Object.fromEntries(Object.entries(tensors).reverse());
    expect(Buffer.from(serializeSafetensors(reversed, metadata)).equals(original)).toBe(true);
  });

  it('keeps every bit of a float32, in any memory', () => {
    const words = Uint32Array.of(0x7fc01234, 0xff800001, 0x80000000, 1, 0x7f7fffff, 0, 0);
    const tensors = {
      'a.0': floats([7], new Float32Array(words.buffer)),
      'a.__proto__': ints([2], Int32Array.of(-1, 2)),
    };
    const bytes = serializeSafetensors(tensors);
    const shifted = new Uint8Array(bytes.length + 3);
    shifted.set(bytes, 3);
    expect(bits(parseSafetensors(shifted.subarray(3)).tensors['a.0'])).toEqual([...words]);
    expect(bits(parseSafetensors(Buffer.from(shifted.buffer).subarray(3)).tensors['a.0'])).toEqual([...words]);
    expect(parseSafetensors(bytes).tensors['a.__proto__'].data).toEqual(Int32Array.of(-1, 2));
  });

  it.each([
    ['a cut prefix', new Uint8Array(5), /at least 8 bytes, got 5/],
    ['a header longer than the file', fileOf({}, 0).fill(9, 0, 4), /header of at most 2 bytes, got 151587081/],
    ['no JSON', fileOf('{"a":', 0), /expected a JSON header/],
    ['a list', fileOf([], 0), /expected an object/],
    ['an unknown type', fileOf({ a: { dtype: 'F31', shape: [], data_offsets: [0, 4] } }, 4), /'a'.*got F31/],
    [
      'a negative size',
      fileOf({ a: { dtype: 'F32', shape: [-1], data_offsets: [0, 4] } }, 4),
      /shape of whole numbers/,
    ],
    ['a wrong size', fileOf({ a: { dtype: 'F32', shape: [3], data_offsets: [0, 8] } }, 8), /expected 12 bytes.*got 8/],
    ['a huge size', fileOf({ a: { dtype: 'U8', shape: [2e9, 2e9], data_offsets: [0, 8] } }, 8), /got 8/],
    ['offsets the wrong way', fileOf({ a: { dtype: 'F32', shape: [1], data_offsets: [4, 0] } }, 4), /data_offsets/],
    ['cut data', fileOf({ a: { dtype: 'F32', shape: [2], data_offsets: [0, 8] } }, 7), /expected 8 bytes.*got 7/],
    ['more data', fileOf({ a: { dtype: 'F32', shape: [2], data_offsets: [0, 8] } }, 9), /longer than its header/],
    ['metadata that is no text', fileOf({ __metadata__: { a: 1 } }, 0), /__metadata__\.a: expected text/],
    ['a gap', fileOf({ a: { dtype: 'U8', shape: [1], data_offsets: [1, 2] } }, 2), /'a' leaves a gap/],
    [
      'an overlap',
      fileOf(
        {
          a: { dtype: 'U8', shape: [3], data_offsets: [0, 3] },
          b: { dtype: 'U8', shape: [2], data_offsets: [2, 4] },
        },
        4,
      ),
      /'b' overlaps.*byte 3, got 2/,
    ],
  ])('rejects %s', (_, bytes, message) => {
    expect(() => parseSafetensors(bytes, 'x.safetensors')).toThrow(message);
    expect(() => parseSafetensors(bytes, 'x.safetensors')).toThrow('x.safetensors');
  });

  it('rejects a whole number beyond 32 bits', () => {
    const bytes = fileOf({ a: { dtype: 'I64', shape: [1], data_offsets: [0, 8] } }, 8);
    bytes[bytes.length - 2] = 1;
    expect(() => parseSafetensors(bytes)).toThrow(/'a': expected 32-bit whole numbers, got 281474976710656/);
  });
});

describe('files', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'safetensors-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('reads single tensors of a file, in any order', async () => {
    const path = join(folder, 'model.safetensors');
    const tensors = {
      b: floats([2, 3], Float32Array.of(1, 2, 3, 4, 5, 6)),
      a: ints([5], Int32Array.of(7, 8, 9, 10, 11)),
    };
    await writeSafetensors(path, tensors, { step: '13' });
    const file = await openSafetensors(folder);
    expect(file.metadata).toEqual({ step: '13' });
    expect(await file.read('b')).toEqual(tensors.b);
    expect(await file.read('a')).toEqual(tensors.a);
    await expect(file.read('c')).rejects.toThrow(/expected a tensor 'c', got 2 others/);
    await file.close();
  });

  it('writes values that come one by one as it writes values at hand', async () => {
    const data = Float32Array.of(3, 1, 4, 1, 5, 9, 2);
    await writeSafetensors(join(folder, 'a'), { x: floats([7], data) });
    await writeSafetensors(join(folder, 'b'), [{ name: 'x', dtype: 'F32', shape: [7], values: async () => data }]);
    expect(await readFile(join(folder, 'a'))).toEqual(await readFile(join(folder, 'b')));
  });

  it('reads a sharded model', async () => {
    await writeSafetensors(join(folder, 's-1.safetensors'), { x: floats([2], Float32Array.of(2, 3)) });
    await writeSafetensors(join(folder, 's-2.safetensors'), { y: floats([1], Float32Array.of(5)) });
    const index = { weight_map: { y: 's-2.safetensors', x: 's-1.safetensors' } };
    await writeFile(join(folder, 'model.safetensors.index.json'), JSON.stringify(index));
    const file = await openSafetensors(folder);
    expect([...file.tensors.keys()]).toEqual(['y', 'x']);
    expect((await file.read('x')).data).toEqual(Float32Array.of(2, 3));
    expect((await file.read('y')).data).toEqual(Float32Array.of(5));
    await file.close();
  });

  it.each([
    [{ weight_map: { x: '../s.safetensors' } }, /beside the index, got \.\.\/s/],
    [{ weight_map: { x: 's-1.safetensors' } }, /cannot open .*s-1\.safetensors: no such file/],
    [{}, /expected an object "weight_map"/],
  ])('rejects the index %j', async (index, message) => {
    const path = join(folder, 'model.safetensors.index.json');
    await writeFile(path, JSON.stringify(index));
    await expect(openSafetensors(path)).rejects.toThrow(message);
  });

  it('names what is missing', async () => {
    await expect(openSafetensors(join(folder, 'no'))).rejects.toThrow(/cannot open .*no: no such file/);
    await expect(openSafetensors(folder)).rejects.toThrow(/expected model\.safetensors or .*index\.json/);
  });

  it('keeps the old file and leaves nothing behind when writing fails', async () => {
    const path = join(folder, 'x.safetensors');
    await writeSafetensors(path, { x: floats([1], Float32Array.of(7)) });
    const full = Object.assign(new Error('write ENOSPC'), { code: 'ENOSPC' });
    const failing = [{ name: 'x', dtype: 'F32' as const, shape: [1], values: () => Promise.reject(full) }];
    await expect(writeSafetensors(path, failing)).rejects.toThrow(/cannot write .*x\.safetensors: the disk is full/);
    const short = [{ name: 'x', dtype: 'F32' as const, shape: [2], values: () => Float32Array.of(1) }];
    await expect(writeSafetensors(path, short)).rejects.toThrow(/expected 2 values for \[2\], got 1/);
    expect(await readdir(folder)).toEqual(['x.safetensors']);
    const file = await openSafetensors(path);
    expect((await file.read('x')).data).toEqual(Float32Array.of(7));
    await file.close();
  });
});
