type NumberArray = Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array | Float64Array;

/** A typed array that doubles when full: a million numbers without a million objects. */
export class Growing<A extends NumberArray> {
  private used = 0;
  private array: A;

  constructor(private readonly create: (length: number) => A) {
    this.array = create(64);
  }

  get length(): number {
    return this.used;
  }

  push(value: number): void {
    if (this.used === this.array.length) this.grow(this.used + 1);
    this.array[this.used++] = value;
  }

  append(values: ArrayLike<number>): void {
    if (this.used + values.length > this.array.length) this.grow(this.used + values.length);
    this.array.set(values, this.used);
    this.used += values.length;
  }

  at(index: number): number {
    return this.array[index];
  }

  /** A view, not a copy; valid until the array grows. */
  subarray(start: number, end: number): A {
    return this.array.subarray(start, end) as A;
  }

  private grow(needed: number): void {
    const larger = this.create(Math.max(needed, this.array.length * 2));
    larger.set(this.array.subarray(0, this.used));
    this.array = larger;
  }
}
