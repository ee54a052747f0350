import { add, assemble, count, get, I32, int, load32, mul, set, step, v128, V128, type WasmFunction } from './wasm.js';

/** Pillow's fixed point: 8 bits of pixel, 2 bits of headroom for overshoot, the rest for the weight. */
export const PRECISION = 32 - 8 - 2;
const HALF = 1 << (PRECISION - 1);

/** A vector of four sums, rounded and clamped to bytes. */
const shifted = (sum: number) => [...get(sum), ...int(PRECISION), ...v128.shiftRightI32];

/**
 * Pixels of rows: `first` and `weights` say for every output column where its input pixels start and how they weigh.
 * Four bytes are read and written for three: what is written too much is written over, or is padding.
 */
function rowsFunction(): WasmFunction {
  const [source, stride, rows, target, columns, first, weights, taps] = [0, 1, 2, 3, 4, 5, 6, 7];
  const [y, x, k, from, weight, sum] = [8, 9, 10, 11, 12, 13];
  const pixel = [...get(from), ...v128.load32Zero, ...v128.widenLowU8, ...v128.widenLowU16];
  const tap = [
    [...get(sum), ...pixel, ...get(weight), ...v128.load32Splat, ...v128.mulI32, ...v128.addI32, ...set(sum)],
    step(from, int(3)),
    step(weight, int(4)),
  ];
  const column = [
    [...get(source), ...get(first), ...get(x), ...int(4), ...mul, ...add, ...load32, ...int(3), ...mul, ...add],
    [...set(from), ...int(HALF), ...v128.splatI32, ...set(sum)],
    count(k, int(0), get(taps), 1, tap),
    [...get(target), ...shifted(sum), ...shifted(sum), ...v128.narrowI32ToI16],
    [...set(sum), ...get(sum), ...get(sum), ...v128.narrowI16ToU8, ...v128.store32Lane0],
    step(target, int(3)),
  ];
  const row = [[...get(weights), ...set(weight)], count(x, int(0), get(columns), 1, column), step(source, get(stride))];
  const locals = [I32, I32, I32, I32, I32, V128];
  return { name: 'rows', parameters: 8, locals, body: [count(y, int(0), get(rows), 1, row)] };
}

/** Bytes of columns, sixteen at a time: for every output row, `first` is where its input rows start, in bytes. */
function columnsFunction(): WasmFunction {
  const [source, stride, target, rows, first, weights, taps] = [0, 1, 2, 3, 4, 5, 6];
  const [y, x, k, from, weight] = [7, 8, 9, 10, 11];
  const sums = [12, 13, 14, 15];
  const bytes = 16;
  const widen = [
    [v128.widenLowU8, v128.widenLowU16],
    [v128.widenLowU8, v128.widenHighU16],
    [v128.widenHighU8, v128.widenLowU16],
    [v128.widenHighU8, v128.widenHighU16],
  ];
  const tap = [
    [...get(from), ...v128.load, ...set(bytes)],
    ...sums.map((sum, i) => {
      const four = [...get(bytes), ...widen[i].flat()];
      return [...get(sum), ...four, ...get(weight), ...v128.load32Splat, ...v128.mulI32, ...v128.addI32, ...set(sum)];
    }),
    step(from, get(stride)),
    step(weight, int(4)),
  ];
  const sixteen = [
    [...get(source), ...get(first), ...get(y), ...int(4), ...mul, ...add, ...load32, ...add, ...get(x), ...add],
    [...set(from), ...get(weights), ...get(y), ...get(taps), ...mul, ...int(4), ...mul, ...add, ...set(weight)],
    ...sums.map((sum) => [...int(HALF), ...v128.splatI32, ...set(sum)]),
    count(k, int(0), get(taps), 1, tap),
    [...get(target), ...get(x), ...add],
    [...shifted(sums[0]), ...shifted(sums[1]), ...v128.narrowI32ToI16],
    [...shifted(sums[2]), ...shifted(sums[3]), ...v128.narrowI32ToI16, ...v128.narrowI16ToU8, ...v128.store],
  ];
  const row = [count(x, int(0), get(stride), 16, sixteen), step(target, get(stride))];
  const locals = [I32, I32, I32, I32, I32, V128, V128, V128, V128, V128];
  return { name: 'columns', parameters: 7, locals, body: [count(y, int(0), get(rows), 1, row)] };
}

/** For every output position: the first input position and `taps` weights in fixed point. */
export interface Coefficients {
  readonly first: Int32Array;
  readonly weights: Int32Array;
  readonly taps: number;
}

/** Input bytes that are in the kernel's memory at a time, so that it stays small whatever the picture. */
const BAND_BYTES = 1 << 20;
const PAGE = 1 << 16;
/** Behind every array: vectors reach beyond its end. */
const PADDING = 16;

type Pass = (...numbers: number[]) => void;

interface Memory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

/** What is used of WebAssembly's interface: the typings of Node have none. */
declare const WebAssembly: {
  readonly Memory: new (sizes: { readonly initial: number }) => Memory;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
    imports: { readonly env: { readonly memory: Memory } },
  ) => { readonly exports: Readonly<Record<string, unknown>> };
};

/** The two passes of a resize, in one memory. */
export class ResampleKernel {
  readonly #memory = new WebAssembly.Memory({ initial: 1 });
  readonly #rows: Pass;
  readonly #columns: Pass;

  constructor() {
    const module = new WebAssembly.Module(assemble([rowsFunction(), columnsFunction()]));
    const { rows, columns } = new WebAssembly.Instance(module, { env: { memory: this.#memory } }).exports;
    this.#rows = rows as Pass;
    this.#columns = columns as Pass;
  }

  /** Pixels `[height, width, 3]` across and then down, each pass rounded to bytes. */
  resize(data: Uint8Array, width: number, across: Coefficients, down: Coefficients): Uint8Array {
    const [columns, height] = [across.first.length, down.first.length];
    const top = down.first[0];
    const rows = down.first[height - 1] + down.taps - top;
    const [stride, outStride] = [3 * width, 3 * columns];
    const band = Math.max(1, Math.floor(BAND_BYTES / stride));
    const sizes = [
      4 * columns,
      4 * across.weights.length,
      4 * height,
      4 * down.weights.length,
      Math.min(band, rows) * stride,
      rows * outStride,
      height * outStride,
    ];
    const [firstAcross, weightsAcross, firstDown, weightsDown, input, middle, output] = this.#allocate(sizes);
    const bytes = new Uint8Array(this.#memory.buffer);
    const ints = new Int32Array(this.#memory.buffer);
    ints.set(across.first, firstAcross / 4);
    ints.set(across.weights, weightsAcross / 4);
    ints.set(
      down.first.map((row) => (row - top) * outStride),
      firstDown / 4,
    );
    ints.set(down.weights, weightsDown / 4);
    for (let row = 0; row < rows; row += band) {
      const count = Math.min(band, rows - row);
      bytes.set(data.subarray((top + row) * stride, (top + row + count) * stride), input);
      this.#rows(input, stride, count, middle + row * outStride, columns, firstAcross, weightsAcross, across.taps);
    }
    this.#columns(middle, outStride, output, height, firstDown, weightsDown, down.taps);
    return bytes.slice(output, output + height * outStride);
  }

  /** Offsets of arrays of some sizes, one after another; the memory grows to hold them. */
  #allocate(sizes: readonly number[]): number[] {
    let end = 0;
    const offsets = sizes.map((size) => {
      const start = end;
      end = Math.ceil((start + size + PADDING) / PADDING) * PADDING;
      return start;
    });
    const missing = Math.ceil(end / PAGE) - this.#memory.buffer.byteLength / PAGE;
    if (missing > 0) this.#memory.grow(missing);
    return offsets;
  }
}
