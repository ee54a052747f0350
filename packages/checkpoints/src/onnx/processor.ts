import { readFileSync } from 'node:fs';

/**
 * Whether sums of two products of 8 bits are cut to 16 on this processor, so that weights have to take 7: an x86 with
 * AVX2 and without VNNI. Known on Linux alone; elsewhere `reduceRange` says it.
 *
 * @param flags what `/proc/cpuinfo` says of the processor
 */
export function lacksVnni(flags = cpuFlags()): boolean {
  return flags.has('avx2') && !['avx_vnni', 'avx512_vnni'].some((flag) => flags.has(flag));
}

function cpuFlags(): ReadonlySet<string> {
  try {
    const text = readFileSync('/proc/cpuinfo', 'latin1');
    return new Set(/^flags\s*:(.*)$/m.exec(text)?.[1].trim().split(' '));
  } catch {
    return new Set();
  }
}
