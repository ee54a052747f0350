import * as tf from '@tensorflow/tfjs';
import type { TensorInfo } from '@tensorflow/tfjs';
import { sizeOf } from '@wbdc/nn/plain';
import type { Precision, WebGpuBackend } from '../backend.js';
import type { KernelSource } from '../kernel-source.js';
import { defineKernels, dispatch, type Call, type Fused, type WebGpuKernel } from '../kernel.js';

/** What is done to a sum of products, with its column's bias added. */
const ACTIVATIONS: Readonly<Record<string, string>> = {
  linear: 'return x;',
  relu: 'return max(x, 0.0);',
  relu6: 'return clamp(x, 0.0, 6.0);',
  elu: 'return select(exp(x) - 1.0, x, x >= 0.0);',
  sigmoid: 'return 1.0 / (1.0 + exp(-x));',
  leakyrelu: 'return select(x * u.slope, x, x >= 0.0);',
};

/** A product's tile of a workgroup of 256 threads: each computes `rows / 16` times `columns / 16` values. */
interface Tile {
  readonly rows: number;
  readonly columns: number;
}

interface Form {
  readonly tile: Tile;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly bias: boolean;
  readonly activation: string;
  readonly precision: Precision;
}

/** Inner positions of a tile at a time. */
const DEPTH = 16;
/** Threads of a workgroup along each side of a tile. */
const SIDE = 16;

/** Reads a strip of a matrix to the workgroup: neighbouring threads read neighbours, whichever way the matrix lies. */
function loadStrip(name: string, first: string, size: number, transposed: boolean, type: string): string {
  const [across, along] = transposed ? [size, DEPTH] : [DEPTH, size];
  const [inner, outer] = transposed ? ['n / across', 'n % across'] : ['n % across', 'n / across'];
  return `{
      let across = ${across}u;
      for (var n = t; n < ${across * along}u; n += ${SIDE * SIDE}u) {
        let inner = ${inner};
        let outer = ${outer};
        strip${name}[inner * ${size}u + outer] = ${type}(read${name}(batch, ${first} + outer, depth + inner));
      }
    }`;
}

/**
 * `y = activation(a b + bias)` in tiles: a workgroup reads strips of a and b to its own memory, and each thread keeps
 * its values in registers. Sums run over the inner positions in their order, so the same bits each time. In fp16 the
 * strips are float16 and so are the factors, the sums stay float32.
 */
function productSource({ tile, transposeA, transposeB, bias, activation, precision }: Form): KernelSource {
  const [high, wide] = [tile.rows / SIDE, tile.columns / SIDE];
  const half = precision === 'fp16';
  const type = half ? 'f16' : 'f32';
  const flat = (outer: string, inner: string, outers: string, transposed: boolean): string =>
    transposed ? `${inner} * ${outers} + ${outer}` : `${outer} * u.inner + ${inner}`;
  return {
    name: `product ${tile.rows} x ${tile.columns}${transposeA ? ' a^T' : ''}${transposeB ? ' b^T' : ''}`,
    write: { y: 'f32' },
    read: { a: 'f32', b: 'f32', ...(bias && { bias: 'f32' }) },
    params: { rows: 'u32', columns: 'u32', inner: 'u32', batchA: 'u32', batchB: 'u32', slope: 'f32' },
    ...(half && { enable: ['f16'] }),
    code: `var<workgroup> stripA: array<${type}, ${DEPTH * tile.rows}>;
var<workgroup> stripB: array<${type}, ${DEPTH * tile.columns}>;
fn readA(batch: u32, outer: u32, inner: u32) -> f32 {
  if (outer >= u.rows || inner >= u.inner) { return 0.0; }
  return a[batch % u.batchA * u.rows * u.inner + ${flat('outer', 'inner', 'u.rows', transposeA)}];
}
fn readB(batch: u32, outer: u32, inner: u32) -> f32 {
  if (outer >= u.columns || inner >= u.inner) { return 0.0; }
  return b[batch % u.batchB * u.columns * u.inner + ${flat('outer', 'inner', 'u.columns', !transposeB)}];
}
fn activated(x: f32) -> f32 { ${ACTIVATIONS[activation]} }
@compute @workgroup_size(${SIDE}, ${SIDE})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) lane: vec3u,
    @builtin(local_invocation_index) t: u32) {
  let batch = group.z;
  let top = group.y * ${tile.rows}u;
  let left = group.x * ${tile.columns}u;
  var sums: array<f32, ${high * wide}>;
  for (var depth = 0u; depth < u.inner; depth += ${DEPTH}u) {
    ${loadStrip('A', 'top', tile.rows, transposeA, type)}
    ${loadStrip('B', 'left', tile.columns, !transposeB, type)}
    workgroupBarrier();
    for (var d = 0u; d < ${DEPTH}u; d++) {
      var column: array<f32, ${wide}>;
      for (var j = 0u; j < ${wide}u; j++) { column[j] = f32(stripB[d * ${tile.columns}u + lane.x + j * ${SIDE}u]); }
      for (var i = 0u; i < ${high}u; i++) {
        let row = f32(stripA[d * ${tile.rows}u + lane.y + i * ${SIDE}u]);
        for (var j = 0u; j < ${wide}u; j++) { sums[i * ${wide}u + j] = fma(row, column[j], sums[i * ${wide}u + j]); }
      }
    }
    workgroupBarrier();
  }
  for (var i = 0u; i < ${high}u; i++) {
    let row = top + lane.y + i * ${SIDE}u;
    if (row >= u.rows) { break; }
    for (var j = 0u; j < ${wide}u; j++) {
      let column = left + lane.x + j * ${SIDE}u;
      if (column < u.columns) {
        let x = sums[i * ${wide}u + j]${bias ? ' + bias[column]' : ''};
        y[(batch * u.rows + row) * u.columns + column] = activated(x);
      }
    }
  }
}`,
  };
}

const sources = new Map<string, KernelSource>();

function sourceFor(form: Form): KernelSource {
  const key = Object.values({ ...form, tile: `${form.tile.rows}x${form.tile.columns}` }).join();
  let source = sources.get(key);
  if (!source) sources.set(key, (source = productSource(form)));
  return source;
}

const TILES: readonly Tile[] = [
  { rows: 128, columns: 128 },
  { rows: 64, columns: 64 },
  { rows: 32, columns: 32 },
];
/** Workgroups that keep a GPU busy: a larger tile reads less, and is worth nothing where it leaves cores idle. */
const BUSY = 96;

/** The largest tile that leaves enough workgroups, and is not mostly empty. */
function tileFor(rows: number, columns: number, batch: number): Tile {
  const smallest = TILES.at(-1)!;
  return (
    TILES.find((tile) => {
      const groups = Math.ceil(rows / tile.rows) * Math.ceil(columns / tile.columns) * batch;
      return groups >= BUSY && rows > tile.rows / 2 && columns > tile.columns / 2;
    }) ?? smallest
  );
}

interface Product {
  readonly a: TensorInfo;
  readonly b: TensorInfo;
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  readonly bias?: TensorInfo | undefined;
  readonly activation?: string | undefined;
  /** Of leaky ReLU below 0. */
  readonly slope?: number | undefined;
}

/** Rows, columns and number of the matrices of a tensor. */
function matrices({ shape }: TensorInfo): [rows: number, columns: number, count: number] {
  const [rows, columns] = shape.slice(-2);
  return [rows, columns, sizeOf(shape.slice(0, -2))];
}

/** The product of matrices `[..., N, in]` and `[..., in, out]`; one of the two may be a single matrix for all. */
function multiply(backend: WebGpuBackend, product: Product, shape: readonly number[]): TensorInfo {
  const { a, b, transposeA = false, transposeB = false, bias, activation = 'linear', slope = 0 } = product;
  const y = backend.empty(shape);
  if (sizeOf(shape) === 0) return y;
  const [rowsA, columnsA, batchA] = matrices(a);
  const [rowsB, columnsB, batchB] = matrices(b);
  const [rows, inner] = transposeA ? [columnsA, rowsA] : [rowsA, columnsA];
  const columns = transposeB ? rowsB : columnsB;
  const batch = Math.max(batchA, batchB);
  const tile = tileFor(rows, columns, batch);
  const form = { tile, transposeA, transposeB, bias: bias !== undefined, activation, precision: backend.precision };
  const operands = { y, a, b, ...(bias && { bias }) };
  const params = { rows, columns, inner, batchA, batchB, slope };
  const groups = [Math.ceil(columns / tile.columns), Math.ceil(rows / tile.rows), batch] as const;
  dispatch(backend, sourceFor(form), operands, params, groups);
  return y;
}

/** Whether a product is one of ours; tfjs's own serve other types, other activations and other broadcasts. */
function isOurs({ a, b, bias, activation = 'linear' }: Product): boolean {
  const [countA, countB] = [matrices(a)[2], matrices(b)[2]];
  return (
    [a, b, ...(bias ? [bias] : [])].every(({ dtype }) => dtype === 'float32') &&
    activation in ACTIVATIONS &&
    (bias === undefined || sizeOf(bias.shape) === bias.shape.at(-1)) &&
    (countA === countB || countA === 1 || countB === 1) &&
    sizeOf(a.shape) > 0 &&
    sizeOf(b.shape) > 0
  );
}

/** tfjs's BatchMatMul and _FusedMatMul, with tfjs's own kernel for what is not ours. */
export function matMul(own: WebGpuKernel): WebGpuKernel {
  return (call) => {
    const product = productOf(call);
    if (!isOurs(product)) return own(call);
    const { a, b, transposeA, transposeB } = product;
    const outer = tf.broadcast_util.assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
    const shape = [...outer, a.shape.at(transposeA ? -1 : -2)!, b.shape.at(transposeB ? -2 : -1)!];
    return multiply(call.backend, product, shape);
  };
}

interface MatMulAttributes {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly activation?: string;
  readonly leakyreluAlpha?: number;
}

function productOf({ inputs: { a, b, bias }, attrs }: Call): Product {
  const { transposeA, transposeB, activation, leakyreluAlpha } = attrs as unknown as MatMulAttributes;
  return { a, b, transposeA, transposeB, bias, activation: activation ?? 'linear', slope: leakyreluAlpha };
}

const ROWS_OF_BIAS = 16;

/** Sums over rows: 16 columns a workgroup, whose rows 16 threads share. */
const COLUMN_SUMS: KernelSource = {
  name: 'WbdcLinearGrad of bias',
  write: { y: 'f32' },
  read: { x: 'f32' },
  params: { rows: 'u32', width: 'u32' },
  code: `var<workgroup> parts: array<f32, ${ROWS_OF_BIAS * ROWS_OF_BIAS}>;
@compute @workgroup_size(${ROWS_OF_BIAS}, ${ROWS_OF_BIAS})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) lane: vec3u) {
  let c = group.x * ${ROWS_OF_BIAS}u + lane.x;
  var sum = 0.0;
  if (c < u.width) { for (var row = lane.y; row < u.rows; row += ${ROWS_OF_BIAS}u) { sum += x[row * u.width + c]; } }
  parts[lane.y * ${ROWS_OF_BIAS}u + lane.x] = sum;
  workgroupBarrier();
  for (var half = ${ROWS_OF_BIAS / 2}u; half > 0u; half >>= 1u) {
    let at = lane.y * ${ROWS_OF_BIAS}u + lane.x;
    if (lane.y < half) { parts[at] += parts[at + half * ${ROWS_OF_BIAS}u]; }
    workgroupBarrier();
  }
  if (lane.y == 0u && c < u.width) { y[c] = parts[lane.x]; }
}`,
};

const linearGrad: Fused<'WbdcLinearGrad'> = ({ backend, inputs: { dy, x, weight } }) => {
  const [inputs, outputs] = weight.shape;
  const rows = sizeOf(x.shape) / inputs;
  const [dyRows, xRows] = [
    { ...dy, shape: [rows, outputs] },
    { ...x, shape: [rows, inputs] },
  ];
  const dx = multiply(backend, { a: dyRows, b: weight, transposeB: true }, x.shape);
  const dWeight = multiply(backend, { a: xRows, b: dyRows, transposeA: true }, weight.shape);
  const dBias = backend.empty([outputs]);
  dispatch(backend, COLUMN_SUMS, { y: dBias, x: dy }, { rows, width: outputs }, [
    Math.ceil(outputs / ROWS_OF_BIAS),
    1,
    1,
  ]);
  return [dx, dWeight, dBias];
};

export const linearKernels = defineKernels({ WbdcLinearGrad: linearGrad });
