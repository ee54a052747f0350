import { foldIn, randomInt, randomKey, type Key } from '@wbdc/nn';

/** Numbers at which lengths, counts and offsets break. */
const LENGTHS = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];
const DIGITS = ['0', '-1', '1e9', '1e308', '1e999', '999999999', '9007199254740993', '0.5', 'NaN', '1e-320'];

/** Pieces of the formats that are read here, beside those of a reader's own. */
const TOKENS = [
  ...['null', 'true', '{}', '[]', '""', '[[', '{"a":', '\\u0000', '\\ud800', '"__proto__":', '"constructor":', '": '],
  ...['\0', '\n', '\r\n', '\t', ',', '"', '\ufeff', '../', '/', '\u2028', '😀', '-Infinity', '<!--', '&a', '*a'],
];

/** What a mutation is made of: the whole is repeatable from the seed, the reader's name and the number. */
export interface Mutation {
  readonly seed: number;
  readonly reader: string;
  readonly number: number;
}

/** Changes bytes as damage and malice do; `others` are further files of the corpus, to splice from. */
export function mutate(
  original: Uint8Array,
  others: readonly Uint8Array[],
  mutation: Mutation,
  tokens: readonly string[] = [],
): Buffer {
  const { seed, reader, number } = mutation;
  const key = foldIn(foldIn(randomKey(seed), reader), number);
  const changes = 1 + randomInt(key, 0, 4);
  let bytes: Buffer = Buffer.from(original);
  for (let change = 1; change <= changes; change++) {
    const draws = new Draws(foldIn(key, change));
    const kind = MUTATORS[draws.below(MUTATORS.length)];
    bytes = kind({ bytes, others, tokens: [...TOKENS, ...tokens], draws });
  }
  return bytes;
}

/** Random numbers one after another. */
class Draws {
  private count = 0;

  constructor(private readonly key: Key) {}

  below(limit: number): number {
    return randomInt(this.key, this.count++, Math.max(1, limit));
  }

  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)];
  }
}

interface Subject {
  readonly bytes: Buffer;
  readonly others: readonly Uint8Array[];
  readonly tokens: readonly string[];
  readonly draws: Draws;
}

type Mutator = (subject: Subject) => Buffer;

const flipBit: Mutator = ({ bytes, draws }) => {
  if (bytes.length > 0) bytes[draws.below(bytes.length)] ^= 1 << draws.below(8);
  return bytes;
};

const setByte: Mutator = ({ bytes, draws }) => {
  if (bytes.length > 0) bytes[draws.below(bytes.length)] = draws.below(256);
  return bytes;
};

const fill: Mutator = ({ bytes, draws }) => {
  const at = draws.below(bytes.length + 1);
  return bytes.fill(draws.of([0, 0xff]), at, Math.min(bytes.length, at + 1 + draws.below(16)));
};

const truncate: Mutator = ({ bytes, draws }) => bytes.subarray(0, draws.below(bytes.length + 1));

const cut: Mutator = ({ bytes, draws }) => {
  const [from, to] = [draws.below(bytes.length + 1), draws.below(bytes.length + 1)].sort((a, b) => a - b);
  return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
};

const duplicate: Mutator = ({ bytes, draws }) => {
  const from = draws.below(bytes.length + 1);
  return insert(bytes, draws.below(bytes.length + 1), bytes.subarray(from, from + 1 + draws.below(256)));
};

/** Up to 64 kB of one piece: what is quadratic or recursive shows. */
const repeat: Mutator = ({ bytes, draws }) => {
  const from = draws.below(bytes.length + 1);
  const piece = bytes.subarray(from, from + 1 + draws.below(8));
  const times = 1 << draws.below(14);
  return insert(bytes, from, Buffer.concat(Array.from({ length: times }, () => piece)));
};

const splice: Mutator = ({ bytes, others, draws }) => {
  const other = Buffer.from(draws.of([bytes, ...others]));
  const from = draws.below(other.length + 1);
  const piece = other.subarray(from, from + 1 + draws.below(other.length));
  const at = draws.below(bytes.length + 1);
  return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at + draws.below(piece.length + 1))]);
};

/** An extreme in the place of a number of 1, 2, 4 or 8 bytes. */
const length: Mutator = ({ bytes, draws }) => {
  const size = draws.of([1, 2, 4, 8]);
  if (bytes.length < size) return bytes;
  const at = draws.below(bytes.length - size + 1);
  const value = BigInt(draws.of([...LENGTHS, bytes.length, bytes.length + 1, bytes.length - 1]));
  const wide = draws.below(4) === 0 ? 0xffffffffffffffffn - value : value;
  for (let i = 0; i < size; i++) bytes[at + i] = Number((wide >> BigInt(8 * i)) & 0xffn);
  return bytes;
};

/** An extreme in the place of a number that is written in digits. */
const digits: Mutator = ({ bytes, draws }) => {
  const start = draws.below(bytes.length + 1);
  let at = start;
  while (at < bytes.length && !isDigit(bytes[at])) at++;
  let end = at;
  while (end < bytes.length && isDigit(bytes[end])) end++;
  if (at === end) return bytes;
  return Buffer.concat([bytes.subarray(0, at), Buffer.from(draws.of(DIGITS)), bytes.subarray(end)]);
};

const token: Mutator = ({ bytes, tokens, draws }) => {
  const piece = Buffer.from(draws.of(tokens));
  const at = draws.below(bytes.length + 1);
  if (draws.below(2) === 0) return insert(bytes, at, piece);
  return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at + piece.length)]);
};

const MUTATORS: readonly Mutator[] = [
  ...[flipBit, flipBit, setByte, fill, truncate, cut, duplicate, repeat, splice, length, length, digits, token, token],
];

function insert(bytes: Buffer, at: number, piece: Uint8Array): Buffer {
  return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)]);
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}
