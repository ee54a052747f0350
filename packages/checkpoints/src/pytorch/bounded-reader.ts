import { WbdcError } from '@wbdc/io/errors';

/** Longest text: a name, or a number written out. */
const TEXT_LIMIT = 4096;

/** The clock is asked once in so many reads. */
const PATIENCE = 16;

/**
 * What pickleparser reads from, with every length checked: its own reader takes negative ones and goes back for ever,
 * and turns long numbers into BigInts in quadratic time.
 */
export class BoundedReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #inTime: () => boolean;
  #reads = 0;
  position: number;

  constructor(bytes: Uint8Array, start: number, inTime: () => boolean) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#inTime = inTime;
    this.position = start;
  }

  hasNext(): boolean {
    return this.position < this.#bytes.length;
  }

  byte(): number {
    if (++this.#reads % PATIENCE === 0 && !this.#inTime()) throw new WbdcError('it takes too long: not an honest file');
    return this.#view.getUint8(this.#advance(1));
  }

  uint16(): number {
    return this.#view.getUint16(this.#advance(2), true);
  }

  int32(): number {
    return this.#view.getInt32(this.#advance(4), true);
  }

  uint32(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }

  uint64(): number {
    const value = this.#view.getBigUint64(this.#advance(8), true);
    if (value > Number.MAX_SAFE_INTEGER) throw new WbdcError(`expected a number below 2^53, got ${value}`);
    return Number(value);
  }

  float64(): number {
    return this.#view.getFloat64(this.#advance(8), false);
  }

  skip(count: number): void {
    this.#advance(count);
  }

  bytes(length: number): Uint8Array {
    if (length > TEXT_LIMIT) throw new WbdcError(`expected texts of at most ${TEXT_LIMIT} bytes, got ${length}`);
    const start = this.#advance(length);
    return this.#bytes.subarray(start, start + length);
  }

  string(length: number, encoding: 'ascii' | 'utf-8'): string {
    return new TextDecoder(encoding).decode(this.bytes(length));
  }

  line(): string {
    const end = this.#bytes.subarray(this.position, this.position + TEXT_LIMIT).indexOf(0x0a);
    if (end === -1) throw new WbdcError(`expected a line of at most ${TEXT_LIMIT} bytes`);
    const text = this.string(end, 'utf-8');
    this.skip(1);
    return text;
  }

  #advance(count: number): number {
    const start = this.position;
    if (!(count >= 0 && start + count <= this.#bytes.length)) {
      throw new WbdcError(
        `expected ${count} more bytes, got ${this.#bytes.length - start}: the file is cut or damaged`,
      );
    }
    this.position = start + count;
    return start;
  }
}
