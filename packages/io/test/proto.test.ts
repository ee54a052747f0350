import { expect, it } from 'vitest';
import { FormatError } from '../src/errors.js';
import {
  concatBytes,
  decodeText,
  protoDouble,
  protoField,
  protoFloat,
  protoInt,
  ProtoReader,
  protoText,
  protoVarint,
  WIRE,
} from '../src/proto.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

it('encodes what the guide of protocol buffers shows', () => {
  // protobuf.dev/programming-guides/encoding
  expect(hex(protoInt(1, 150))).toBe('089601');
  expect(hex(protoText(2, 'testing'))).toBe('120774657374696e67');
  expect(hex(protoField(3, [protoInt(1, 150)]))).toBe('1a03089601');
  expect(hex(protoField(6, [3, 270, 86942].map(protoVarint)))).toBe('3206038e029ea705');
  expect(hex(protoVarint(-2))).toBe('feffffffffffffffff01');
  expect(hex(protoInt(16, 2 ** 53 - 1))).toBe('8001ffffffffffffff0f');
  expect(hex(protoFloat(2, 0.5))).toBe('150000003f');
  expect(hex(protoDouble(1, -2))).toBe('0900000000000000c0');
});

it('walks through a message, past fields that nobody takes', () => {
  const inner = concatBytes([protoText(1, '视频'), protoInt(7, -1)]);
  const message = concatBytes([protoDouble(9, 1), protoField(2, [inner]), protoFloat(3, 0.5), protoText(4, 'skipped')]);
  const reader = new ProtoReader(message, 'x');
  const seen: unknown[] = [];
  while (reader.next()) {
    seen.push([reader.field, reader.wire]);
    if (reader.field === 3) seen.push([...reader.fixed32()]);
    if (reader.field !== 2) continue;
    const nested = reader.message();
    while (nested.next()) seen.push(nested.field === 1 ? nested.text() : nested.int64());
  }
  expect(seen).toEqual([[9, WIRE.fixed64], [2, WIRE.bytes], '视频', -1n, [3, WIRE.fixed32], [0, 0, 0, 0x3f], [4, 2]]);
});

it('reads packed numbers', () => {
  const values = [0n, 1n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 127n, 128n, 2n ** 28n - 1n, 2n ** 28n];
  const list = new ProtoReader(concatBytes(values.map(protoVarint)), 'x');
  const read: bigint[] = [];
  while (list.more) read.push(list.int64());
  expect(read).toEqual(values);
});

it.each([
  [Uint8Array.of(0x0a, 5, 1), /^x: damaged message at byte 2: expected 5 bytes, got 1$/],
  [Uint8Array.of(0x13), /wire type 0, 1, 2 or 5, got 3/],
  [new Uint8Array(12).fill(0xff), /a number of at most 10 bytes, got more/],
  [Uint8Array.of(0x0a), /expected another byte, got the end of the message/],
])('refuses a damaged message (%#)', (bytes, message) => {
  const walk = (): void => {
    const reader = new ProtoReader(bytes, 'x');
    while (reader.next());
  };
  expect(walk).toThrow(message);
  expect(walk).toThrow(FormatError);
});

it('refuses another kind of field, and text that is none', () => {
  const reader = new ProtoReader(protoInt(1, 5), 'x');
  reader.next();
  expect(() => reader.bytes()).toThrow(/^x: damaged message at byte 1: expected field 1 of wire type 2, got 0$/);
  expect(() => decodeText(Uint8Array.of(0xff), 'title')).toThrow(/^title: expected text in UTF-8, got other bytes$/);
});
