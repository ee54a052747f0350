import { createHash } from 'node:crypto';

/**
 * A number of 19 or 20 digits like the official ids, the same for the same name: 64 bits of a hash, folded into
 * [10^18, 2^64), so that it neither starts with a zero nor overflows an unsigned 64-bit integer.
 */
export function stableId(name: string): string {
  const hash = createHash('sha256').update(name).digest().readBigUInt64BE();
  const smallest = 10n ** 18n;
  return String(smallest + (hash % (2n ** 64n - smallest)));
}
