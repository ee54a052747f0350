import * as tf from '@tensorflow/tfjs';
import type { TensorInfo } from '@tensorflow/tfjs';
import type { KernelInputs } from '@wbdc/nn/kernels';
import { sizeOf } from '@wbdc/nn/plain';
import type { Precision, WebGpuBackend } from '../backend.js';
import type { KernelSource } from '../kernel-source.js';
import { defineKernels, dispatch, type Call, type Fused, type WebGpuKernel } from '../kernel.js';
import { COLUMN_SUMS, groupsOfColumns } from './column-sums.js';
import { isActivation, type ProductForm } from './product-form.js';
import { bytesOfRegisterTile, registerTiles, type RegisterTile } from './register-tiles.js';
import { bytesOfSubgroupTile, sizeOfTile, subgroupTiles, type SubgroupTile } from './subgroup-tiles.js';

/** The largest first: a larger tile reads less, and is worth nothing where it leaves cores idle. */
const TILES: readonly (RegisterTile & Demand)[] = [
  { rows: 128, columns: 64, high: 8, wide: 8, depth: 16, busy: 512 },
  { rows: 64, columns: 64, high: 8, wide: 4, depth: 16, busy: 96 },
  { rows: 32, columns: 64, high: 4, wide: 4, depth: 16, busy: 96 },
  { rows: 32, columns: 32, high: 4, wide: 4, depth: 16, busy: 0 },
];
/** On matrix units. */
const SUBGROUP_TILES: readonly (SubgroupTile & Demand)[] = [
  { down: 2, across: 2, high: 2, wide: 2, depth: 32, busy: 256 },
  { down: 2, across: 2, high: 2, wide: 2, depth: 64, busy: 0 },
];

interface Demand {
  /** From how many workgroups on they keep a large GPU busy. */
  readonly busy: number;
}

interface Tiled extends Demand {
  readonly rows: number;
  readonly columns: number;
  /** Of memory of a workgroup. */
  readonly bytes: number;
  readonly source: (form: ProductForm) => KernelSource;
}

const REGISTERS: readonly Tiled[] = TILES.map((tile) => ({
  ...tile,
  bytes: bytesOfRegisterTile(tile),
  source: (form) => registerTiles(form, tile),
}));

const known = new WeakMap<GPUDevice, Partial<Record<Precision, readonly Tiled[]>>>();

/** Tiles for a device and a precision, the largest first. */
function tilesFor({ device, precision, subgroupMatrix: matrix }: WebGpuBackend): readonly Tiled[] {
  let tiles = known.get(device);
  if (!tiles) known.set(device, (tiles = {}));
  if (tiles[precision]) return tiles[precision];
  const onUnits =
    precision === 'fp16' && matrix
      ? SUBGROUP_TILES.map((tile): Tiled => ({
          ...sizeOfTile(tile, matrix),
          busy: tile.busy,
          bytes: bytesOfSubgroupTile(tile, matrix),
          source: (form) => subgroupTiles(form, tile, matrix),
        }))
      : [];
  return (tiles[precision] = [...onUnits, ...(onUnits.length > 0 ? REGISTERS.slice(-1) : REGISTERS)].filter(
    ({ bytes }) => bytes <= device.limits.maxComputeWorkgroupStorageSize,
  ));
}

/** The largest tile that leaves enough workgroups, and is not mostly empty. */
function tileFor(tiles: readonly Tiled[], rows: number, columns: number, batch: number): Tiled {
  for (const tile of tiles) {
    const groups = Math.ceil(rows / tile.rows) * Math.ceil(columns / tile.columns) * batch;
    if (groups >= tile.busy && rows > tile.rows / 2 && columns > tile.columns / 2) return tile;
  }
  return tiles[tiles.length - 1];
}

/** By tile and activation, then by the rest of the form, as a number. */
const sources = new Map<Tiled, Map<string, (KernelSource | undefined)[]>>();

function sourceFor(form: ProductForm, tile: Tiled): KernelSource {
  let ofTile = sources.get(tile);
  if (!ofTile) sources.set(tile, (ofTile = new Map()));
  let forms = ofTile.get(form.activation);
  if (!forms) ofTile.set(form.activation, (forms = []));
  return (forms[numberOf(form)] ??= tile.source(form));
}

function numberOf({ transposeA, transposeB, bias, half, quadsA, quadsB, quadsY }: ProductForm): number {
  return (
    (transposeA ? 1 : 0) |
    (transposeB ? 2 : 0) |
    (bias ? 4 : 0) |
    (half ? 8 : 0) |
    (quadsA ? 16 : 0) |
    (quadsB ? 32 : 0) |
    (quadsY ? 64 : 0)
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

/** How many matrices a tensor is made of. */
function countOf({ shape }: TensorInfo): number {
  let count = 1;
  for (let i = 0; i < shape.length - 2; i++) count *= shape[i];
  return count;
}

/**
 * The product of matrices `[..., N, in]` and `[..., in, out]`; one of the two may be a single matrix for all. Most of a
 * step's dispatches come by here: objects are written out, for one that another is spread into costs as much as the
 * rest.
 * @param y where the result goes
 */
function multiply(backend: WebGpuBackend, product: Product, y: TensorInfo): TensorInfo {
  const { a, b, transposeA = false, transposeB = false, bias, activation = 'linear', slope = 0 } = product;
  if (sizeOf(y.shape) === 0) return y;
  const [batchA, batchB] = [countOf(a), countOf(b)];
  const [depthA, depthB] = [a.shape.length, b.shape.length];
  const [rowsA, columnsA] = [a.shape[depthA - 2], a.shape[depthA - 1]];
  const [rowsB, columnsB] = [b.shape[depthB - 2], b.shape[depthB - 1]];
  const [rows, inner] = transposeA ? [columnsA, rowsA] : [rowsA, columnsA];
  const columns = transposeB ? rowsB : columnsB;
  const batch = Math.max(batchA, batchB);
  const tile = tileFor(tilesFor(backend), rows, columns, batch);
  const form: ProductForm = {
    transposeA,
    transposeB,
    bias: bias !== undefined,
    activation,
    half: backend.precision === 'fp16',
    quadsA: columnsA % 4 === 0,
    quadsB: columnsB % 4 === 0,
    quadsY: columns % 4 === 0,
  };
  const operands: Record<string, TensorInfo> = bias ? { y, a, b, bias } : { y, a, b };
  const params = { rows, columns, inner, batchA, batchB, slope };
  const groups = [Math.ceil(columns / tile.columns), Math.ceil(rows / tile.rows), batch] as const;
  dispatch(backend, sourceFor(form, tile), operands, params, groups);
  return y;
}

/** Whether a product is one of ours; tfjs's own serve other types, other activations and other broadcasts. */
function isOurs({ a, b, bias, activation = 'linear' }: Product): boolean {
  const [countA, countB] = [countOf(a), countOf(b)];
  return (
    a.dtype === 'float32' &&
    b.dtype === 'float32' &&
    (bias === undefined || bias.dtype === 'float32') &&
    isActivation(activation) &&
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
    return multiply(call.backend, product, call.backend.empty(shape));
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

/** The values of a tensor as one matrix. */
function matrix({ dataId, dtype }: TensorInfo, rows: number, columns: number): TensorInfo {
  return { dataId, dtype, shape: [rows, columns] };
}

const linear: Fused<'WbdcLinear'> = ({ backend, inputs: { x, weight, bias } }) => {
  const [inputs, outputs] = weight.shape;
  const a = matrix(x, sizeOf(x.shape) / inputs, inputs);
  return [multiply(backend, { a, b: weight, bias }, backend.empty([...x.shape.slice(0, -1), outputs]))];
};

/** The gradients of a dense layer, its own in tensors that are there. */
export function linearGradInto(
  backend: WebGpuBackend,
  { dy, x, weight }: KernelInputs<'WbdcLinearGrad', TensorInfo>,
  dWeight: TensorInfo,
  dBias: TensorInfo,
): TensorInfo {
  const [inputs, outputs] = weight.shape;
  const rows = sizeOf(x.shape) / inputs;
  const [dyRows, xRows] = [matrix(dy, rows, outputs), matrix(x, rows, inputs)];
  const dx = multiply(backend, { a: dyRows, b: weight, transposeB: true }, backend.empty(x.shape));
  multiply(backend, { a: xRows, b: dyRows, transposeA: true }, dWeight);
  dispatch(backend, COLUMN_SUMS, { y: dBias, x: dy }, { rows, width: outputs }, groupsOfColumns(outputs));
  return dx;
}

const linearGrad: Fused<'WbdcLinearGrad'> = ({ backend, inputs }) => {
  const { shape } = inputs.weight;
  const [dWeight, dBias] = [backend.empty(shape), backend.empty([shape[1]])];
  return [linearGradInto(backend, inputs, dWeight, dBias), dWeight, dBias];
};

export const linearKernels = defineKernels({ WbdcLinear: linear, WbdcLinearGrad: linearGrad });
