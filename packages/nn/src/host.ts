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
export function ints(shape: readonly number[], data = new Int32Array(sizeOf(shape))): Ints {
  assertSize(data.length, shape);
  return { data, shape };
}

/** Floats of a shape, zeros where no data are given. */
export function floats(shape: readonly number[], data = new Float32Array(sizeOf(shape))): Floats {
  assertSize(data.length, shape);
  return { data, shape };
}

function assertSize(length: number, shape: readonly number[]): void {
  if (length !== sizeOf(shape)) {
    throw new RangeError(`expected ${sizeOf(shape)} values for the shape [${shape.join(', ')}], got ${length}`);
  }
}
