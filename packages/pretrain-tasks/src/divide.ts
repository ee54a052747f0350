import { ints, partOf, type Batch, type Ints, type Part } from '@wbdc/nn';

/** The videos of a batch that a part computes: a range, or one for form's sake where there are fewer than parts. */
export function videosOf(batch: Batch, part: Part): { readonly rows: Int32Array; readonly own: Int32Array } {
  const own = partOf(batch.ids.length, part);
  return { rows: own.length > 0 ? own : Int32Array.of(0), own };
}

/** Of flat indices into `[B, width]`, in rising order, those in some rows. */
export interface Within {
  /** Their places in the list. */
  readonly places: Int32Array;
  /** The same positions, in the table of those rows alone. */
  readonly rows: Int32Array;
}

export function within(flat: Int32Array, width: number, rows: Int32Array): Within {
  const local = new Map(Array.from(rows, (row, i) => [row, i]));
  const places = Int32Array.from(flat.keys()).filter((i) => local.has(Math.floor(flat[i] / width)));
  const moved = places.map((i) => local.get(Math.floor(flat[i] / width))! * width + (flat[i] % width));
  return { places, rows: moved };
}

/** Some rows of a flat table `[N, width]`. */
export function takeTableRows(table: Float32Array, width: number, rows: Int32Array): Float32Array {
  const taken = new Float32Array(rows.length * width);
  rows.forEach((row, i) => taken.set(table.subarray(row * width, (row + 1) * width), i * width));
  return taken;
}

/** Some rows of a table `[N, width]`. */
export function takeIntRows({ data, shape: [, width] }: Ints, rows: Int32Array): Ints {
  const taken = ints([rows.length, width]);
  rows.forEach((row, i) => taken.data.set(data.subarray(row * width, (row + 1) * width), i * width));
  return taken;
}
