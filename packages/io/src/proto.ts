import { FormatError } from './errors.js';

/** Wire types of protocol buffers; groups (3, 4) have long been out of use and are refused. */
export const WIRE = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

const decoder = new TextDecoder('utf-8', { fatal: true });
const encoder = new TextEncoder();

/**
 * Walks the fields of a protocol-buffers message (protobuf.dev/programming-guides/encoding) without copies. A field
 * that nobody takes is skipped by the next `next()`. Every length is checked against the message.
 * @throws FormatError where the message is damaged
 */
export class ProtoReader {
  field = 0;
  wire = 0;
  private at = 0;
  private taken = true;

  constructor(
    private readonly data: Uint8Array,
    readonly where: string,
  ) {}

  /** Whether anything is left: for packed lists, which have no fields. */
  get more(): boolean {
    return this.at < this.data.length;
  }

  /** Goes to the next field; false at the end. */
  next(): boolean {
    if (!this.taken) this.skip();
    if (!this.more) return false;
    const tag = Number(this.varint());
    this.field = Math.floor(tag / 8);
    this.wire = tag % 8;
    this.taken = false;
    return true;
  }

  bytes(): Uint8Array {
    this.expect(WIRE.bytes);
    return this.view(Number(this.varint()));
  }

  message(): ProtoReader {
    return new ProtoReader(this.bytes(), this.where);
  }

  text(): string {
    return decodeText(this.bytes(), this.where);
  }

  fixed32(): Uint8Array {
    this.expect(WIRE.fixed32);
    return this.view(4);
  }

  /** A signed integer, by itself or out of a packed list. */
  int64(): bigint {
    this.taken = true;
    return BigInt.asIntN(64, this.varint());
  }

  private skip(): void {
    if (this.wire === WIRE.varint) this.int64();
    else if (this.wire === WIRE.bytes) this.bytes();
    else if (this.wire === WIRE.fixed32 || this.wire === WIRE.fixed64) this.view(this.wire === WIRE.fixed32 ? 4 : 8);
    else throw this.error('a field of wire type 0, 1, 2 or 5', String(this.wire));
    this.taken = true;
  }

  private expect(wire: number): void {
    if (this.wire !== wire) throw this.error(`field ${this.field} of wire type ${wire}`, String(this.wire));
    this.taken = true;
  }

  private view(length: number): Uint8Array {
    const end = this.at + length;
    if (end > this.data.length) throw this.error(`${length} bytes`, String(this.data.length - this.at));
    const bytes = this.data.subarray(this.at, end);
    this.at = end;
    return bytes;
  }

  private varint(): bigint {
    let low = 0; // the first 28 bits as a plain number: nearly every varint ends there
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.byte();
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt(low);
    }
    let value = BigInt(low);
    for (let shift = 28n; shift < 70n; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw this.error('a number of at most 10 bytes', 'more');
  }

  private byte(): number {
    if (!this.more) throw this.error('another byte', 'the end of the message');
    return this.data[this.at++];
  }

  private error(expected: string, got: string): FormatError {
    return new FormatError({ where: `${this.where}: damaged message at byte ${this.at}`, expected, got });
  }
}

/** @throws FormatError when the bytes are no UTF-8 */
export function decodeText(bytes: Uint8Array, where: string): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new FormatError({ where, expected: 'text in UTF-8', got: 'other bytes' }, { cause });
  }
}

/** A field of a length and bytes: a string, a message or a packed list, given in parts. */
export function protoField(field: number, parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return concatBytes([tag(field, WIRE.bytes), protoVarint(length), ...parts]);
}

export function protoText(field: number, text: string): Uint8Array {
  return protoField(field, [encoder.encode(text)]);
}

/** A field of a whole number: int32, int64, their unsigned kinds, bool, enum. */
export function protoInt(field: number, value: number | bigint): Uint8Array {
  return concatBytes([tag(field, WIRE.varint), protoVarint(value)]);
}

export function protoFloat(field: number, value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return concatBytes([tag(field, WIRE.fixed32), bytes]);
}

export function protoDouble(field: number, value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value, true);
  return concatBytes([tag(field, WIRE.fixed64), bytes]);
}

/** A number as an element of a packed list; one below 0 takes 10 bytes. */
export function protoVarint(value: number | bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

function tag(field: number, wire: number): Uint8Array {
  return protoVarint(field * 8 + wire);
}

/** Bytes one after another. */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
