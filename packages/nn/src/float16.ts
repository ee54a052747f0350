/** Bits of a float32 for every float16, made on first use: one load per value afterwards. */
let table: Uint32Array | undefined;

/** IEEE half precision to single precision; exact, NaN payloads included. */
export function float16ToFloat32(bits: Uint16Array): Float32Array {
  table ??= Uint32Array.from({ length: 1 << 16 }, (_, half) => widen(half));
  const words = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) words[i] = table[bits[i]];
  return new Float32Array(words.buffer);
}

/** bfloat16, the upper half of a float32, to single precision; exact. */
export function bfloat16ToFloat32(bits: Uint16Array): Float32Array {
  const words = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) words[i] = bits[i] << 16;
  return new Float32Array(words.buffer);
}

function widen(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return sign | 0x7f800000 | (fraction << 13);
  if (exponent > 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
  if (fraction === 0) return sign;
  const shift = Math.clz32(fraction) - 21; // subnormal: move the leading one to its implicit place
  return sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13);
}
