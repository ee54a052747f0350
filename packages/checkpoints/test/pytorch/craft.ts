/** Pickles and archives written by hand, honest and not. */
const raw = (...parts: (string | Uint8Array)[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)));

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value | 0);
  return bytes;
}

const text = (value: string): Buffer => raw('X', u32(Buffer.byteLength(value)), Buffer.from(value));
const int = (value: number): Buffer => raw('J', u32(value));
const tuple = (values: readonly Uint8Array[]): Buffer => raw('(', ...values, 't');
const global = (module: string, name: string): Buffer => raw(`c${module}\n${name}\n`);

export interface CraftedTensor {
  count: number;
  offset: number;
  shape: number[];
  stride: number[];
  /** Offset and size of a storage view. */
  view?: [number, number];
}

export const pickled = {
  text,
  int,
  global,
  dict: (entries: Record<string, Uint8Array>): Buffer =>
    raw('\x80\x02}(', ...Object.entries(entries).flatMap(([name, value]) => [text(name), value]), 'u.'),
  tensor: (key: string, { count, offset, shape, stride, view }: CraftedTensor): Buffer => {
    const part = view ? [tuple([text('view'), int(view[0]), int(view[1])])] : [];
    const id = tuple([text('storage'), global('torch', 'FloatStorage'), text(key), text('cpu'), int(count), ...part]);
    const layout = [int(offset), tuple(shape.map(int)), tuple(stride.map(int))];
    return raw(global('torch._utils', '_rebuild_tensor_v2'), tuple([raw(id, 'Q'), ...layout]), 'R');
  },
};

export interface CraftedZip {
  method?: number;
  flags?: number;
  twice?: boolean;
  byteorder?: string;
  size?: number;
  packedSize?: number;
  header?: number;
  /** Sizes and offset in a 64-bit field, as for files beyond 4 GiB. */
  wide?: boolean;
}

/** An archive of data.pkl and storages; the options spoil the first storage's entry. */
export function zipFile(pickle: Uint8Array, storages: Record<string, Uint8Array>, options: CraftedZip = {}): Buffer {
  const files: [string, Uint8Array][] = [
    ['m/data.pkl', pickle],
    ['m/byteorder', Buffer.from(options.byteorder ?? 'little')],
    ...Object.entries(storages).map(([key, bytes]): [string, Uint8Array] => [`m/data/${key}`, bytes]),
  ];
  if (options.twice) files.push(['m/data/0', Buffer.alloc(24)]);
  const locals: Buffer[] = [];
  const centrals: Buffer[] = [];
  let offset = 0;
  for (const [name, bytes] of files) {
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50);
    local.writeUInt16LE(name.length, 26);
    locals.push(local, Buffer.from(name), Buffer.from(bytes));
    const spoiled = name === 'm/data/0' ? options : {};
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50);
    central.writeUInt16LE(spoiled.flags ?? 0, 8);
    central.writeUInt16LE(spoiled.method ?? 0, 10);
    central.writeUInt32LE(spoiled.packedSize ?? bytes.length, 20);
    central.writeUInt32LE(spoiled.size ?? bytes.length, 24);
    central.writeUInt16LE(name.length, 28);
    central.writeUInt32LE(spoiled.header ?? offset, 42);
    const extra = Buffer.alloc(spoiled.wide ? 28 : 0);
    if (spoiled.wide) {
      [1, 24].forEach((value, i) => extra.writeUInt16LE(value, 2 * i));
      [24, 20, 42].forEach((field, i) => {
        extra.writeBigUInt64LE(BigInt(central.readUInt32LE(field)), 4 + 8 * i);
        central.writeUInt32LE(0xffffffff, field);
      });
      central.writeUInt16LE(extra.length, 30);
    }
    centrals.push(central, Buffer.from(name), extra);
    offset += 30 + name.length + bytes.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50);
  end.writeUInt16LE(files.length, 8);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(Buffer.concat(centrals).length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, ...centrals, end]);
}

/** A file as `torch.save` wrote it before PyTorch 1.6. */
export function legacyFile(pickle: Uint8Array, storages: Record<string, { count: number; bytes: Uint8Array }>): Buffer {
  const magic = Buffer.from('80028a0a6cfc9c46f9206aa850192e', 'hex');
  const machine = raw('\x80\x02}', text('little_endian'), '\x88s.');
  const keys = raw('\x80\x02](', ...Object.keys(storages).map(text), 'e.');
  const data = Object.values(storages).flatMap(({ count, bytes }) => [u32(count), u32(0), Buffer.from(bytes)]);
  return Buffer.concat([magic, raw('\x80\x02M\xe9\x03.'), machine, Buffer.from(pickle), keys, ...data]);
}
