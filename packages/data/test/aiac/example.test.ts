import { protoField, protoVarint } from '@wbdc/io/proto';
import { describe, expect, it } from 'vitest';
import { decodeExample, encodeExample, type Feature } from '../../src/aiac/example.js';

const sample = new Map<string, Feature>([
  ['bytes', { kind: 'bytes', values: [Uint8Array.of(1, 2, 3), Uint8Array.of()] }],
  ['float', { kind: 'float', values: Float32Array.of(0.5, -1.25, 3) }],
  ['int64', { kind: 'int64', values: [0n, -1n, 300n, 2n ** 63n - 1n, -(2n ** 63n)] }],
  ['none', { kind: 'bytes', values: [] }],
]);

/** An Example of one feature, out of the fields of that feature. */
const one = (feature: Uint8Array): Uint8Array =>
  protoField(1, [protoField(1, [protoField(1, [Buffer.from('f')]), protoField(2, [feature])])]);

describe('tf.train.Example', () => {
  it('gives features back', () => {
    expect(decodeExample(encodeExample(sample), 'x')).toEqual(sample);
    expect(decodeExample(new Uint8Array(), 'x').size).toBe(0);
  });

  it('reads numbers that are not packed, and parts of both kinds', () => {
    const tag = protoVarint(8n);
    const list = Buffer.concat([
      tag,
      protoVarint(5n),
      protoField(1, [protoVarint(6n), protoVarint(7n)]),
      tag,
      protoVarint(8n),
    ]);
    expect(decodeExample(one(protoField(3, [list])), 'x').get('f')).toEqual({
      kind: 'int64',
      values: [5n, 6n, 7n, 8n],
    });
    const floats = Buffer.from([0x0d, 0, 0, 0, 0x3f, 0x0d, 0, 0, 0, 0x40]);
    expect(decodeExample(one(protoField(2, [floats])), 'x').get('f')).toEqual({
      kind: 'float',
      values: Float32Array.of(0.5, 2),
    });
  });

  it('skips unknown fields', () => {
    const unknown = Buffer.concat([
      protoField(7, [Buffer.from('new')]),
      Buffer.from([0x40, 1, 0x4d, 1, 2, 3, 4, 0x51]),
      Buffer.alloc(8),
    ]);
    expect(decodeExample(Buffer.concat([unknown, encodeExample(sample), unknown]), 'x')).toEqual(sample);
  });

  it.each([
    [Uint8Array.of(0x0a, 5, 1), /record 3: damaged message at byte 2: expected 5 bytes, got 1/],
    [Uint8Array.of(0x13), /wire type 0, 1, 2 or 5, got 3/],
    [Uint8Array.of(0x08, 1), /field 1 of wire type 2, got 0/],
    [new Uint8Array(12).fill(0xff), /at most 10 bytes/],
    [Uint8Array.of(0x0a), /expected another byte/],
    [one(protoField(2, [protoField(1, [Uint8Array.of(1, 2, 3)])])), /floats of 4 bytes, got 3/],
  ])('refuses a damaged message (%#)', (message, expected) => {
    expect(() => decodeExample(message, 'record 3')).toThrow(expected);
  });
});
