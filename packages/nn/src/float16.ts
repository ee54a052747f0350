/**
 * IEEE 754 half precision: 1 sign bit, 5 exponent bits, 10 fraction bits; largest finite value 65504. Decoding looks
 * the value up in a table of all 65,536; encoding rounds to the nearest value, ties to even, as NumPy and PyTorch do.
 */
const table = buildTable();

function buildTable(): Float32Array {
  const values = new Float32Array(1 << 16);
  for (let bits = 0; bits < values.length; bits++) {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 0x1f;
    const fraction = bits & 0x3ff;
    if (exponent === 0x1f) values[bits] = fraction ? NaN : sign * Infinity;
    else if (exponent === 0) values[bits] = sign * fraction * 2 ** -24;
    else values[bits] = sign * (1024 + fraction) * 2 ** (exponent - 25);
  }
  return values;
}

/** bfloat16, the upper half of a float32, to single precision; exact. */
export function decodeBfloat16(bits: Uint16Array): Float32Array {
  const words = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) words[i] = bits[i] << 16;
  return new Float32Array(words.buffer);
}

/** The values of half-precision bits. */
export function decodeFloat16(bits: Uint16Array, values = new Float32Array(bits.length)): Float32Array {
  for (let i = 0; i < bits.length; i++) values[i] = table[bits[i]];
  return values;
}

/** Half-precision bits of values; what is over 65519.99 becomes infinite, NaN stays NaN. */
export function encodeFloat16(values: Float32Array): Uint16Array {
  const bits = new Uint16Array(values.length);
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < bits.length; i++) bits[i] = roundWord(words[i]);
  return bits;
}

/** float32 bits to float16 bits. */
function roundWord(word: number): number {
  const sign = (word >>> 16) & 0x8000;
  const magnitude = word & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00; // NaN
  if (magnitude >= 0x47800000) return sign | 0x7c00; // 65536 and more
  if (magnitude >= 0x38800000) {
    // Normal: 13 fraction bits go. Adding half of the last kept bit less one, plus that bit, rounds ties to even; a
    // carry moves into the exponent, and from 65520 on to infinity, as it should.
    return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
  }
  if (magnitude < 0x33000000) return sign; // under half of the smallest subnormal
  const shift = 126 - (magnitude >>> 23); // 14 to 24 bits go
  const fraction = (magnitude & 0x7fffff) | 0x800000;
  const kept = fraction >>> shift;
  const rest = fraction & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return sign | (kept + (rest > half || (rest === half && (kept & 1) === 1) ? 1 : 0));
}
