/** Values of a cache line, and columns whose pages the processor keeps at hand. */
const [LINE, NEAR] = [8, 32];

/** A matrix `[rows, width]` column by column, `[width, rows]`. */
export function transpose(x: Float64Array, rows: number, width: number): Float64Array {
  const out = new Float64Array(rows * width);
  writeColumns(x, rows, width, out, 0, rows);
  return out;
}

/**
 * Writes rows `[rows, width]` into columns of a length, `[width, length]`, from a place in each on. Whole lines are
 * written, of few columns at a time.
 */
export function writeColumns(
  x: Float64Array,
  rows: number,
  width: number,
  out: Float64Array,
  at: number,
  length: number,
): void {
  for (let from = 0; from < width; from += NEAR) {
    const to = Math.min(from + NEAR, width);
    for (let first = 0; first < rows; first += LINE) {
      const last = Math.min(first + LINE, rows);
      for (let c = from; c < to; c++) {
        for (let r = first; r < last; r++) out[c * length + at + r] = x[r * width + c];
      }
    }
  }
}
