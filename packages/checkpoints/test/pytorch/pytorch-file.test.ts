import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { foldIn, randomInt, randomKey, type Floats, type Ints, type Key } from '@wbdc/nn';
import { bytesInMemory } from '@wbdc/io';
import { openPytorch } from '../../src/node.js';
import { readPytorch } from '../../src/pytorch/pytorch-file.js';
import { legacyFile, pickled, zipFile } from './craft.js';

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
const expected = JSON.parse(readFileSync(fixture('types-bin.json'), 'utf8')) as Record<
  string,
  { shape: number[]; values: number[] }
>;

/** float32 values as their bits: -0, infinities and NaN payloads count. */
function bits({ data }: Floats | Ints): number[] {
  return Array.from(data instanceof Float32Array ? new Uint32Array(data.slice().buffer) : data);
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pytorch-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Reads all tensors of bytes. */
async function readAll(bytes: Uint8Array): Promise<Record<string, Floats | Ints>> {
  const file = await readPytorch({
    path: 'x.bin',
    size: bytes.length,
    read: async (start, length) => {
      if (!(start >= 0 && length >= 0 && start + length <= bytes.length)) throw new Error('x.bin: read beyond the end');
      return new Uint8Array(bytes.subarray(start, start + length));
    },
    close: async () => undefined,
  });
  const tensors: Record<string, Floats | Ints> = {};
  for (const name of file.tensors.keys()) tensors[name] = await file.read(name);
  return tensors;
}

describe.each(['types-zip.bin', 'types-legacy.bin'])('%s', (name) => {
  it('holds every type and memory layout as PyTorch does', async () => {
    const file = await openPytorch(fixture(name));
    expect([...file.tensors.keys()].sort()).toEqual(Object.keys(expected).sort());
    for (const [tensor, { shape, values }] of Object.entries(expected)) {
      expect(file.tensors.get(tensor)?.shape, tensor).toEqual(shape);
      const read = await file.read(tensor);
      expect(read.shape, tensor).toEqual(shape);
      expect(bits(read), tensor).toEqual(values);
    }
    await file.close();
  });

  it('reads the values of one tensor only, into memory of their own', async () => {
    const file = await openPytorch(fixture(name));
    const tail = await file.read('tail');
    expect(tail.data.buffer.byteLength).toBe(7 * 4);
    await expect(file.read('tale')).rejects.toThrow(/expected a tensor 'tale', got 19 others \(f64, f32/);
    await file.close();
  });
});

describe('a stranger’s file', () => {
  const float = pickled.tensor('0', { count: 6, offset: 0, shape: [2, 3], stride: [3, 1] });
  const values = { 0: new Uint8Array(new Float32Array([0, 1, 2, 3, 4, 5]).buffer) };
  const zip = (tensor: Uint8Array): Uint8Array => zipFile(pickled.dict({ a: tensor }), values);

  it('reads what this test writes, so that the errors below have one cause each', async () => {
    expect((await readAll(zip(float))).a).toEqual({ shape: [2, 3], data: Float32Array.of(0, 1, 2, 3, 4, 5) });
    const legacy = legacyFile(pickled.dict({ a: float }), { 0: { count: 6, bytes: values[0] } });
    expect((await readAll(legacy)).a.data).toEqual(Float32Array.of(0, 1, 2, 3, 4, 5));
  });

  it('may see part of a storage only, as files of 2019 did', async () => {
    const view = pickled.tensor('0', { count: 6, view: [2, 3], offset: 1, shape: [2], stride: [1] });
    expect((await readAll(zip(view))).a.data).toEqual(Float32Array.of(3, 4));
    const beyond = pickled.tensor('0', { count: 6, view: [2, 3], offset: 2, shape: [2], stride: [1] });
    await expect(readAll(zip(beyond))).rejects.toThrow(/to lie in a storage of 3 values/);
  });

  it('reads sizes and offsets of 64 bits', async () => {
    const wide = zipFile(pickled.dict({ a: float }), values, { wide: true });
    expect((await readAll(wide)).a.data).toEqual(Float32Array.of(0, 1, 2, 3, 4, 5));
  });

  it.each([
    ['os', 'system'],
    ['builtins', 'eval'],
    ['torch.storage', '_load_from_bytes'],
    ['collections', '__proto__'],
  ])('executes nothing: %s.%s is an error that names it', async (module, name) => {
    const call = Buffer.concat([pickled.global(module, name), Buffer.from('('), pickled.text('id'), Buffer.from('tR')]);
    await expect(readAll(zip(call))).rejects.toThrow(
      `refers to "${module}.${name}", which is not part of plain weights and would run code`,
    );
  });

  it('says what to save where whole modules were saved', async () => {
    await expect(openPytorch(fixture('module.bin'))).rejects.toThrow(
      /refers to "torch\.nn\.modules\.linear\.Linear".*save model\.state_dict\(\) alone/,
    );
  });

  it.each([
    ['tensors beyond their storage', { offset: 1, shape: [2, 3], stride: [3, 1] }, /a storage of 6 values/],
    ['strides beyond it', { offset: 0, shape: [2, 3], stride: [4, 1] }, /a storage of 6 values/],
    ['one value as a billion', { offset: 0, shape: [1_000_000_000], stride: [0] }, /tensor was expanded/],
    ['an offset below 0', { offset: -1, shape: [1], stride: [1] }, /offset, sizes and strides as whole numbers/],
    ['a size below 0', { offset: 0, shape: [-2, -3], stride: [3, 1] }, /as whole numbers/],
    ['missing strides', { offset: 0, shape: [2, 3], stride: [1] }, /as whole numbers/],
    ['too many values', { offset: 0, shape: [7], stride: [1], count: 7 }, /expected 28 bytes, got 24/],
  ])('is refused with %s', async (_, layout, message) => {
    await expect(readAll(zip(pickled.tensor('0', { count: 6, ...layout })))).rejects.toThrow(message);
  });

  // Five bytes back: for ever in pickleparser's reader.
  const BINBYTES_BACK = Buffer.from([0x42, 0xfb, 0xff, 0xff, 0xff]);
  const BIGINT = Buffer.from([0x8b, 1, 0, 0, 0, 7]);
  const LONG4 = Buffer.concat([Buffer.from([0x8b, 0xff, 0xff, 0, 0]), Buffer.alloc(0xffff, 1)]);
  it.each([
    ['a length below 0', BINBYTES_BACK, /expected -5 more bytes/],
    ['a very long number', LONG4, /texts of at most 4096 bytes, got 65535/],
    ['a key that is no text', Buffer.concat([float, BIGINT, Buffer.from('N')]), /got no tensor under a bigint/],
    ['a list instead of a dict', Buffer.from(']'), /got a list under "a"/],
    [
      'writing to our functions',
      Buffer.from('ccollections\nOrderedDict\n}(K\u0001K\u0002ub'),
      /operations that do not fit/,
    ],
    ['making instances', Buffer.from('ccollections\nOrderedDict\n)\u0081', 'latin1'), /operations that do not fit/],
    ['an unknown operation', Buffer.from([0xff]), /Unsupported opcode '255'/],
    ['marks that do not match', Buffer.from('ttt'), /cannot read the pickle/],
    ['a pickle that is cut', Buffer.from('X\u00ff\u000f\0\0', 'latin1'), /the file is cut or damaged/],
  ])('is refused with %s', async (_, object, message) => {
    await expect(readAll(zip(object))).rejects.toThrow(message);
    const legacy = legacyFile(pickled.dict({ a: object }), {});
    await expect(readAll(legacy)).rejects.toThrow(message);
  });

  it('cannot keep the reader busy for long', async () => {
    const entries = Array.from({ length: 40_000 }, (_, i) => pickled.int(i + 70_000));
    const large = Buffer.concat([
      Buffer.from('}('),
      ...entries.flatMap((key) => [key, Buffer.from('N')]),
      Buffer.from('uq\u0007'),
    ]);
    const builds = Buffer.alloc(3 * 400_000, 'h\u0007b');
    const start = performance.now();
    const now = performance.now.bind(performance);
    performance.now = () => now() * 40; // ten seconds pass in a quarter of one
    try {
      await expect(readAll(zip(Buffer.concat([large, Buffer.from(']'), builds])))).rejects.toThrow(/it takes too long/);
    } finally {
      performance.now = now;
    }
    expect(performance.now() - start).toBeLessThan(5000);
  });

  it.each([
    ['packed entries', { method: 8 }, /expected a stored entry/],
    ['encryption', { flags: 1 }, /packed or encrypted/],
    ['a name twice', { twice: true }, /every name once in the archive/],
    ['big-endian values', { byteorder: 'big' }, /expected little-endian/],
    ['two sizes', { packedSize: 5 }, /a stored entry of two sizes/],
    ['a header elsewhere', { header: 3 }, /no header for/],
    ['sizes beyond the file', { size: 1e6, packedSize: 1e6 }, /reaches into the directory/],
  ])('is refused with %s', async (_, options, message) => {
    await expect(readAll(zipFile(pickled.dict({ a: float }), values, options))).rejects.toThrow(message);
  });

  it('is named where it is no checkpoint at all', async () => {
    await expect(readAll(Buffer.from('<html>not found</html>'))).rejects.toThrow(/x\.bin: expected a zip archive/);
    await expect(readAll(new Uint8Array())).rejects.toThrow(/expected a zip archive/);
    await expect(openPytorch(folder)).rejects.toThrow(/expected pytorch_model\.bin or .*index\.json/);
    await expect(openPytorch(join(folder, 'no'))).rejects.toThrow(/cannot open .*no such file/);
  });
});

describe.each(['types-zip.bin', 'types-legacy.bin'])('mutations of %s', (name) => {
  const original = readFileSync(fixture(name));

  /** A few bytes changed, a part cut out or doubled, or the end cut. */
  function mutate(key: Key): Uint8Array {
    const at = (i: number, bound: number): number => randomInt(key, i, bound);
    const bytes = Buffer.from(original);
    const start = at(1, bytes.length);
    const length = at(2, 40);
    switch (at(0, 6)) {
      case 0:
        return bytes.subarray(0, start);
      case 1:
        return Buffer.concat([bytes.subarray(0, start), bytes.subarray(start + length)]);
      case 2:
        return Buffer.concat([bytes.subarray(0, start + length), bytes.subarray(start)]);
      default:
        for (let i = 0; i < 1 + (length & 3); i++)
          bytes[at(3 + i, bytes.length)] = [0, 0xff, 0x7f, at(9, 256)][at(13 + i, 4)];
        return bytes;
    }
  }

  it('are read or refused with the path, never anything else', async () => {
    let refused = 0;
    for (let i = 0; i < 1200; i++) {
      try {
        const tensors = await readAll(mutate(foldIn(randomKey(17), i)));
        for (const { data, shape } of Object.values(tensors)) {
          expect(data.length).toBe(shape.reduce((product, size) => product * size, 1));
        }
      } catch (error) {
        refused++;
        expect((error as Error).message, String(i)).toContain('x.bin');
      }
    }
    expect(refused).toBeGreaterThan(200);
  });
});

it.each([
  'a.',
  'e.',
  's.',
  'u.',
  'R.',
  'b.',
  't.',
  '\x85.',
  'h\0.',
  '\x81.',
  '0.',
  ']K\x01K\x02s.',
  'K\x01K\x02a.',
  '',
])('a pickle whose operations do not fit is refused in words: %j', async (operations) => {
  const pickle = Buffer.from(`\x80\x02${operations}`, 'latin1');
  const reading = readPytorch(bytesInMemory(zipFile(pickle, {}), 'x.bin'));
  const message = await reading.then(
    () => '',
    ({ message: text }: Error) => text,
  );
  expect(message).toMatch(/^x\.bin: cannot read the pickle \(byte \d+\): .|^x\.bin: expected a state dict .*, got /);
  expect(message).not.toMatch(/is not|undefined|Cannot|of null/);
});
