import { describe, expect, it } from 'vitest';
import { lacksVnni } from '../../src/node.js';

describe('processors', () => {
  it('an x86 with AVX2 and without VNNI needs weights of 7 bits', () => {
    expect(lacksVnni(new Set(['avx', 'avx2', 'fma']))).toBe(true);
    expect(lacksVnni(new Set(['avx2', 'avx_vnni']))).toBe(false);
    expect(lacksVnni(new Set(['avx2', 'avx512f', 'avx512_vnni']))).toBe(false);
    expect(lacksVnni(new Set(['asimd']))).toBe(false);
  });
});
