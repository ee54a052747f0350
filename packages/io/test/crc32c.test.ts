import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { crc32c, maskedCrc32c } from '../src/crc32c.js';

it('gives the check value of RFC 3720 and what Python gives', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  const cases = JSON.parse(readFileSync(new URL('fixtures/crc32c.json', import.meta.url), 'utf8')) as {
    hex: string;
    crc: number;
  }[];
  expect(cases).toHaveLength(10);
  for (const { hex, crc } of cases) expect(crc32c(Buffer.from(hex, 'hex'))).toBe(crc);
});

it('masks as TFRecord does', () => {
  const word = (value: bigint): bigint => value & 0xffffffffn;
  const crc = 0xe3069283n;
  expect(maskedCrc32c(Buffer.from('123456789'))).toBe(Number(word(word((crc >> 15n) | (crc << 17n)) + 0xa282ead8n)));
});
