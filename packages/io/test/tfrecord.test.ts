import { expect, it } from 'vitest';
import { crc32c, frameRecord, RECORD_FOOTER, RECORD_HEADER } from '../src/index.js';

it('frames a payload between its length and checksums, all masked', () => {
  const payload = Buffer.from('123456789');
  const record = Buffer.from(frameRecord(payload));
  expect(record).toHaveLength(RECORD_HEADER + 9 + RECORD_FOOTER);
  expect(record.readBigUInt64LE(0)).toBe(9n);
  expect(record.subarray(RECORD_HEADER, RECORD_HEADER + 9).equals(payload)).toBe(true);
  const unmask = (crc: number): number => {
    const rotated = (crc - 0xa282ead8) >>> 0;
    return ((rotated >>> 17) | (rotated << 15)) >>> 0;
  };
  expect(unmask(record.readUInt32LE(8))).toBe(crc32c(record.subarray(0, 8)));
  expect(unmask(record.readUInt32LE(RECORD_HEADER + 9))).toBe(0xe3069283);
});
