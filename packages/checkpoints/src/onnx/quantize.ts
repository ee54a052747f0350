import type { onnx } from 'onnx-proto';
import { WbdcError } from '@wbdc/io/errors';
import { encodeFloat16 } from '@wbdc/nn';
import { byteScale, largestOf, quantizeColumns, quantizeRows, type QuantizedTable, type Reach } from './integers.js';
import { decodeOnnx, floatsOf, nodeOf, sizesOf, tensorOf, type OnnxContents } from './proto.js';

/** In what a file keeps its weights: halves of 16 bits, or whole numbers of 8. */
export type OnnxDtype = (typeof ONNX_DTYPES)[number];
/** {@link OnnxDtype} as data. */
export const ONNX_DTYPES = ['fp16', 'int8'] as const;

/** From where to where the values of a graph go. */
export type OnnxRanges = Readonly<Record<string, { readonly min: number; readonly max: number }>>;

export interface QuantizeOnnxOptions {
  readonly dtype: OnnxDtype;
  /**
   * Of `int8`: where the values go that matrices multiply, from `calibrateOnnx`. Without them each run looks at its own
   * values, batch by batch.
   */
  readonly ranges?: OnnxRanges | undefined;
  /**
   * Of `int8`: weights take 7 bits. For processors with AVX2 and without VNNI, where sums of two products are cut to 16
   * bits (`lacksVnni` of `@wbdc/checkpoints/node` says whether this one is); it costs accuracy. Default false.
   */
  readonly reduceRange?: boolean | undefined;
  /** What to call the model in messages. */
  readonly where?: string;
}

/** Weights with fewer values stay as they are: there is nothing to win. */
const LEAST_VALUES = 1024;
/** What says that a graph computes in whole numbers already. */
const QUANTIZED = ['DynamicQuantizeLinear', 'QuantizeLinear', 'DequantizeLinear', 'MatMulInteger', 'MatMulNBits'];
/** The largest finite float16. */
const LARGEST_HALF = 65504;

/**
 * An ONNX model of float32 with smaller weights; inputs and outputs stay what they are.
 *
 * `fp16` keeps weights as float16 and computes in float32: half the size, and nothing overflows. Weights above 65504
 * stay.
 *
 * `int8` multiplies matrices in whole numbers, as `quantize_dynamic` of onnxruntime.quantization makes them
 * (`per_channel`, `QInt8`), or with `ranges` as its `quantize_static` (QDQ, activations `QUInt8`, outputs of products
 * left out): symmetric weights of 8 bits with a scale per column, activations of 8 bits with a zero point. Tables of
 * embeddings have a scale per row. What reads an input directly, attention, normalisation and activations compute in
 * float32. Without `ranges` a video's numbers depend a little on the batch that it is in.
 *
 * @throws WbdcError `onnx-file`, `onnx-external`, `onnx-graph` where the model cannot be read, `onnx-small` where there
 *   is nothing to make smaller, `onnx-weights` where a weight is not finite, `onnx-ranges` where a range is missing,
 *   `onnx-dtype` for another dtype
 */
export function quantizeOnnx(
  model: Uint8Array,
  { dtype, ranges, reduceRange = false, where = 'the ONNX model' }: QuantizeOnnxOptions,
): Uint8Array {
  assertDtype(dtype);
  const contents = unquantized(model, where);
  const changed =
    dtype === 'fp16'
      ? halved(contents, where)
      : new Int8Graph(contents, { where, ranges, reach: reduceRange ? 64 : 127 }).changed();
  if (changed.count > 0) return contents.encode(changed);
  const expected = `a model with weights of ${LEAST_VALUES} values or more`;
  throw new WbdcError({ where, expected, got: 'none to make smaller', code: 'onnx-small' });
}

/** @throws WbdcError `onnx-dtype` */
export function assertDtype(dtype: string): asserts dtype is OnnxDtype {
  if ((ONNX_DTYPES as readonly string[]).includes(dtype)) return;
  const expected = ONNX_DTYPES.join(' or ');
  throw new WbdcError({ where: 'dtype', expected, got: `'${String(dtype)}'`, code: 'onnx-dtype' });
}

/** @throws WbdcError `onnx-graph` where it computes in whole numbers already */
function unquantized(model: Uint8Array, where: string): OnnxContents {
  const contents = decodeOnnx(model, where);
  const other = contents.nodes.find(({ opType }) => QUANTIZED.includes(opType ?? ''));
  if (other === undefined) return contents;
  throw new WbdcError({ where, expected: 'a model of float32', got: `a node ${other.opType!}`, code: 'onnx-graph' });
}

/** The values that `int8` asks ranges of: those that matrices of weights multiply. */
export function quantizedInputs(
  model: Uint8Array,
  where: string,
): { contents: OnnxContents; names: readonly string[] } {
  const contents = unquantized(model, where);
  const names = contents.nodes.flatMap((node) => (matrixOf(node, contents, where) ? [node.input![0]] : []));
  return { contents, names: [...new Set(names)] };
}

interface Changed {
  readonly nodes: readonly onnx.INodeProto[];
  readonly weights: Iterable<onnx.ITensorProto>;
  /** How many weights. */
  readonly count: number;
}

/** A weight that is large enough, of at least two axes. */
interface Large {
  readonly tensor: onnx.ITensorProto;
  readonly sizes: readonly number[];
  readonly values: Float32Array;
}

function largeOf(name: string | undefined, { weights }: OnnxContents, where: string): Large | undefined {
  const tensor = weights.get(name ?? '');
  const sizes = tensor ? sizesOf(tensor) : [];
  if (!tensor || sizes.length < 2 || sizes.reduce((product, size) => product * size, 1) < LEAST_VALUES)
    return undefined;
  const values = floatsOf(tensor, where);
  return values && { tensor, sizes, values };
}

/** The weights of a product; what reads an input directly is left out, as nobody knows where its values go. */
function matrixOf(node: onnx.INodeProto, contents: OnnxContents, where: string): Large | undefined {
  if (node.opType !== 'MatMul' || contents.inputs.has(node.input![0])) return undefined;
  const large = largeOf(node.input![1], contents, where);
  return large?.sizes.length === 2 ? large : undefined;
}

function halved(contents: OnnxContents, where: string): Changed {
  const casts: onnx.INodeProto[] = [];
  const weights = Array.from(contents.weights, ([name, tensor]) => {
    const large = largeOf(name, contents, where);
    if (!large) return tensor;
    const largest = largestOf(large.values);
    if (!Number.isFinite(largest)) refuseWeights(name, where);
    if (largest > LARGEST_HALF) return tensor;
    casts.push(nodeOf('Cast', [`${name}_half`], [name], { to: 1 }));
    return tensorOf(`${name}_half`, 'float16', large.sizes, encodeFloat16(large.values));
  });
  return { nodes: [...casts, ...contents.nodes], weights, count: casts.length };
}

function refuseWeights(name: string, where: string): never {
  throw new WbdcError({ where, expected: 'finite weights', got: `NaN or infinity in ${name}`, code: 'onnx-weights' });
}

interface Int8Options {
  readonly where: string;
  readonly ranges: OnnxRanges | undefined;
  readonly reach: Reach;
}

/** A graph on its way to whole numbers. */
class Int8Graph {
  readonly #nodes: onnx.INodeProto[] = [];
  readonly #added = new Map<string, onnx.ITensorProto>();
  readonly #made = new Set<string>();

  constructor(
    private readonly contents: OnnxContents,
    private readonly options: Int8Options,
  ) {}

  changed(): Changed {
    for (const node of this.contents.nodes) this.#rewrite(node);
    const used = new Set(this.#nodes.flatMap(({ input }) => input ?? []));
    const kept = [...this.contents.weights].flatMap(([name, tensor]) => (used.has(name) ? [tensor] : []));
    const count = [...this.#added.values()].filter(({ dataType, dims }) => dataType === 3 && dims!.length > 1).length;
    return { nodes: this.#nodes, weights: [...kept, ...this.#added.values()], count };
  }

  #rewrite(node: onnx.INodeProto): void {
    const { contents, options } = this;
    const matrix = matrixOf(node, contents, options.where);
    if (matrix) return options.ranges ? this.#calibrated(node, matrix, options.ranges) : this.#product(node, matrix);
    const axis = (node.attribute ?? []).find(({ name }) => name === 'axis')?.i ?? 0;
    const table = largeOf(node.input?.[0], contents, options.where);
    if (node.opType === 'Gather' && table?.sizes.length === 2 && Number(String(axis)) === 0) {
      return this.#lookup(node, table);
    }
    this.#nodes.push({ ...node, input: (node.input ?? []).map((name) => this.#stored(node, name)) });
  }

  /** `x W` as whole numbers, each run by the range of its own x. */
  #product(node: onnx.INodeProto, { tensor, sizes: [, columns], values }: Large): void {
    const [x] = node.input!;
    const [y] = node.output!;
    const weight = this.#quantized(tensor.name!, () => quantizeColumns(values, columns, this.options.reach), {
      dims: sizesOf(tensor),
      scales: [columns],
    });
    this.#once(`${x}_quantized`, () =>
      this.#nodes.push(nodeOf('DynamicQuantizeLinear', [x], [`${x}_quantized`, `${x}_scale`, `${x}_zero_point`])),
    );
    const zero = this.#zeros(`${tensor.name!}_zero_point`, columns);
    const integers = [`${x}_quantized`, weight.data, `${x}_zero_point`, zero];
    this.#nodes.push(
      nodeOf('MatMulInteger', integers, [`${y}_integers`]),
      nodeOf('Cast', [`${y}_integers`], [`${y}_floats`], { to: 1 }),
      nodeOf('Mul', [`${x}_scale`, weight.scales], [`${y}_scales`]),
      nodeOf('Mul', [`${y}_floats`, `${y}_scales`], [y]),
    );
  }

  /** `x W` between pairs that runtimes know: what x and W are as whole numbers, and as floats again. */
  #calibrated(node: onnx.INodeProto, { tensor, sizes: [, columns], values }: Large, ranges: OnnxRanges): void {
    const [x] = node.input!;
    const weight = this.#quantized(tensor.name!, () => quantizeColumns(values, columns, this.options.reach), {
      dims: sizesOf(tensor),
      scales: [columns],
    });
    this.#once(`${x}_dequantized`, () => {
      const { scale, zero } = byteScale(this.#rangeOf(x, ranges));
      this.#add(tensorOf(`${x}_scale`, 'float32', [], Float32Array.of(scale)));
      this.#add(tensorOf(`${x}_zero_point`, 'uint8', [], Uint8Array.of(zero)));
      const by = [`${x}_scale`, `${x}_zero_point`];
      this.#nodes.push(
        nodeOf('QuantizeLinear', [x, ...by], [`${x}_quantized`]),
        nodeOf('DequantizeLinear', [`${x}_quantized`, ...by], [`${x}_dequantized`]),
      );
    });
    const floats = `${tensor.name!}_dequantized`;
    this.#once(floats, () => {
      const zero = this.#zeros(`${tensor.name!}_zero_point`, columns);
      this.#nodes.push(nodeOf('DequantizeLinear', [weight.data, weight.scales, zero], [floats], { axis: 1 }));
    });
    this.#nodes.push({ ...node, input: [`${x}_dequantized`, floats] });
  }

  #rangeOf(name: string, ranges: OnnxRanges): OnnxRanges[string] {
    const range = Object.hasOwn(ranges, name) ? ranges[name] : undefined;
    if (range && Number.isFinite(range.min) && Number.isFinite(range.max) && range.min <= range.max) return range;
    const got = range ? `${range.min} to ${range.max}` : 'none';
    const problem = { where: this.options.where, expected: `the range of its value ${name}`, got };
    throw new WbdcError({ ...problem, advice: 'calibrate this model', code: 'onnx-ranges' });
  }

  /** Rows of a table by their numbers, each by its own scale. */
  #lookup(node: onnx.INodeProto, { tensor, sizes: [rows, columns], values }: Large): void {
    const [y] = node.output!;
    const numbers = node.input![1];
    const table = this.#quantized(tensor.name!, () => quantizeRows(values, columns, this.options.reach), {
      dims: [rows, columns],
      scales: [rows, 1],
    });
    this.#nodes.push(
      nodeOf('Gather', [table.data, numbers], [`${y}_integers`]),
      nodeOf('Gather', [table.scales, numbers], [`${y}_scales`]),
      nodeOf('Cast', [`${y}_integers`], [`${y}_floats`], { to: 1 }),
      nodeOf('Mul', [`${y}_floats`, `${y}_scales`], [y]),
    );
  }

  /** An input of a node that computes in float32: of positions, which are cut or added, whole numbers are stored. */
  #stored({ opType }: onnx.INodeProto, name: string): string {
    const large = opType === 'Slice' || opType === 'Add' ? largeOf(name, this.contents, this.options.where) : undefined;
    if (!large) return name;
    const columns = large.sizes.at(-1)!;
    const leading = large.sizes.slice(0, -1);
    const rows = large.values.length / columns;
    if (rows === columns || Math.max(...leading) !== rows) return name; // a scale goes with one axis
    const floats = `${name}_rows_dequantized`;
    const stored = this.#quantized(name, () => quantizeRows(large.values, columns, this.options.reach), {
      dims: large.sizes,
      scales: [rows],
    });
    this.#once(floats, () =>
      this.#nodes.push(
        nodeOf('DequantizeLinear', [stored.data, stored.scales], [floats], { axis: leading.indexOf(rows) }),
      ),
    );
    return floats;
  }

  #quantized(
    name: string,
    make: () => QuantizedTable | undefined,
    { dims, scales }: { readonly dims: readonly number[]; readonly scales: readonly number[] },
  ): { data: string; scales: string } {
    // One weight may be multiplied and looked up: with scales of columns, and of rows.
    const by = scales.length === 1 && scales[0] === dims.at(-1) ? '' : '_rows';
    const names = { data: `${name}${by}_quantized`, scales: `${name}${by}_scale` };
    this.#once(names.data, () => {
      const made = make() ?? refuseWeights(name, this.options.where);
      this.#add(tensorOf(names.data, 'int8', dims, made.data));
      this.#add(tensorOf(names.scales, 'float32', scales, made.scales));
    });
    return names;
  }

  #zeros(name: string, count: number): string {
    this.#once(name, () => this.#add(tensorOf(name, 'int8', [count], new Int8Array(count))));
    return name;
  }

  #add(tensor: onnx.ITensorProto): void {
    this.#added.set(tensor.name!, tensor);
  }

  #once(name: string, make: () => unknown): void {
    if (this.#made.has(name)) return;
    this.#made.add(name);
    make();
  }
}
