/**
 * From float32 to whole numbers: `r = s (q - z)` with a scale s and a zero point z, as onnxruntime.quantization
 * computes them, to the bit.
 */

/** The largest whole number of a weight: 127, or 64 where sums of two products must fit into 16 bits. */
export type Reach = 127 | 64;

/** Whole numbers with the scale of each column or row. */
export interface QuantizedTable {
  readonly data: Int8Array;
  readonly scales: Float32Array;
}

/** The smallest normal float32. */
const TINY = 2 ** -126;
/** Adding and taking it away rounds a smaller double to a whole number, ties to even. */
const ROUNDER = 1.5 * 2 ** 52;

/** Symmetric, a scale for each column of `[rows, columns]`. @returns undefined where a value is not finite */
export function quantizeColumns(values: Float32Array, columns: number, reach: Reach): QuantizedTable | undefined {
  const largest = new Float64Array(columns);
  for (let start = 0; start < values.length; start += columns) {
    for (let j = 0; j < columns; j++) {
      const size = Math.abs(values[start + j]);
      if (size > largest[j]) largest[j] = size;
      else if (Number.isNaN(size)) return undefined;
    }
  }
  if (!largest.every(Number.isFinite)) return undefined;
  const scales = Float32Array.from(largest, (most) => scaleOf(most / reach));
  const data = new Int8Array(values.length);
  for (let start = 0; start < values.length; start += columns) {
    for (let j = 0; j < columns; j++) data[start + j] = rounded(Math.fround(values[start + j] / scales[j]));
  }
  return { data, scales };
}

/** Symmetric, a scale for each row of `[rows, columns]`. @returns undefined where a value is not finite */
export function quantizeRows(values: Float32Array, columns: number, reach: Reach): QuantizedTable | undefined {
  const scales = new Float32Array(values.length / columns);
  const data = new Int8Array(values.length);
  for (let row = 0; row < scales.length; row++) {
    const of = values.subarray(row * columns, (row + 1) * columns);
    const largest = largestOf(of);
    if (!Number.isFinite(largest)) return undefined;
    const scale = (scales[row] = scaleOf(largest / reach));
    for (let j = 0; j < columns; j++) data[row * columns + j] = rounded(Math.fround(of[j] / scale));
  }
  return { data, scales };
}

/** The largest size of a value; NaN where one is none. */
export function largestOf(values: Float32Array): number {
  let largest = 0;
  for (let i = 0; i < values.length; i++) {
    const size = Math.abs(values[i]);
    if (size > largest) largest = size;
    else if (Number.isNaN(size)) return NaN;
  }
  return largest;
}

/** Scale and zero point of values from `min` to `max` in 0 to 255; zero itself is always among them. */
export function byteScale({ min, max }: { readonly min: number; readonly max: number }): {
  readonly scale: number;
  readonly zero: number;
} {
  const [from, to] = [Math.fround(Math.min(min, 0)), Math.fround(Math.max(max, 0))];
  const scale = Math.fround(to - from) / 255;
  if (scale < TINY) return { scale: 1, zero: 0 };
  return { scale: Math.fround(scale), zero: rounded(-from / scale) };
}

function scaleOf(step: number): number {
  return step < TINY ? 1 : step;
}

function rounded(value: number): number {
  return value + ROUNDER - ROUNDER;
}
