export type NumberArray = Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array | Float64Array;

/** The constructor of a typed array. */
export interface ArrayType<A> {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: SharedArrayBuffer): A;
}

/**
 * A typed array that doubles when full: a million numbers without a million objects. It lies in shared memory, so that
 * threads can read it without a copy of their own.
 */
export class Growing<A extends NumberArray> {
  private used = 0;
  private array: A;

  constructor(private readonly type: ArrayType<A>) {
    this.array = this.create(64);
  }

  /** Numbers that another thread has shared. */
  static of<A extends NumberArray>(shared: A): Growing<A> {
    const growing = new Growing<A>(shared.constructor as unknown as ArrayType<A>);
    growing.array = shared;
    growing.used = shared.length;
    return growing;
  }

  /** For another thread: a view of the same memory. */
  share(): A {
    return this.subarray(0, this.used);
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

  private create(length: number): A {
    return new this.type(new SharedArrayBuffer(length * this.type.BYTES_PER_ELEMENT));
  }
}
