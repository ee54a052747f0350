/** Arrays in host memory, row-major. Batches are made of these, so that they can cross threads and need no engine. */
export interface Ints {
  readonly data: Int32Array;
  readonly shape: readonly number[];
}

/** See {@link Ints}. */
export interface Floats {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

/** Number of elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Integers of a shape, zeros where no data are given. */
export function ints(shape: readonly number[], data: Int32Array = new Int32Array(sizeOf(shape))): Ints {
  assertSize(data.length, shape);
  return { data, shape };
}

/** Floats of a shape, zeros where no data are given. */
export function floats(shape: readonly number[], data: Float32Array = new Float32Array(sizeOf(shape))): Floats {
  assertSize(data.length, shape);
  return { data, shape };
}

/** The columns of two tables of the same number of rows side by side: `[B, M]` and `[B, N]` to `[B, M + N]`. */
export function joinColumns(left: Ints, right: Ints): Ints {
  const [rows, leftWidth] = left.shape;
  const rightWidth = right.shape[1];
  const width = leftWidth + rightWidth;
  const joined = ints([rows, width]);
  for (let row = 0; row < rows; row++) {
    joined.data.set(left.data.subarray(row * leftWidth, (row + 1) * leftWidth), row * width);
    joined.data.set(right.data.subarray(row * rightWidth, (row + 1) * rightWidth), row * width + leftWidth);
  }
  return joined;
}

function assertSize(length: number, shape: readonly number[]): void {
  if (length !== sizeOf(shape)) {
    throw new RangeError(`expected ${sizeOf(shape)} values for the shape [${shape.join(', ')}], got ${length}`);
  }
}
