import * as tf from '@tensorflow/tfjs';
import type { TensorInfo } from '@tensorflow/tfjs';
import { WbdcError } from '@wbdc/io/errors';
import { sizeOf } from '@wbdc/nn/plain';
import type { OrtBackend } from '../backend.js';
import { float } from '../graph.js';
import { isFloat, type Call, type NativeKernel } from '../kernel.js';

/** Multiplications below which the inherited loop wins. */
const SMALL_PRODUCT = 4096;

interface Product {
  lines: string[];
  readonly shape: number[];
}

/** The ONNX lines that make the output of a and b, or undefined where the inherited kernel serves better. */
function product(call: Call, output: string): Product | undefined {
  const {
    inputs: { a, b },
    attrs,
  } = call;
  const [transA, transB] = [Boolean(attrs['transposeA']), Boolean(attrs['transposeB'])];
  const [rows, inner] = matrixShape(a, transA);
  const [innerB, columns] = matrixShape(b, transB);
  if (inner !== innerB) {
    const side = (t: TensorInfo, trans: boolean): string => `[${t.shape.join(', ')}]${trans ? ' transposed' : ''}`;
    throw new WbdcError(`matMul: expected equal inner sizes, got ${side(a, transA)} times ${side(b, transB)}`);
  }
  const batch = tf.broadcast_util.assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const shape = [...batch, rows, columns];
  if (!isFloat(a, b) || sizeOf(shape) * inner < SMALL_PRODUCT) return undefined;
  return { lines: [`${output} = FusedMatMul <${flagsOf(call)}> (a, b)`], shape };
}

function matrixShape({ shape }: TensorInfo, transposed: boolean): [number, number] {
  const [rows, columns] = shape.slice(-2);
  return transposed ? [columns, rows] : [rows, columns];
}

function flagsOf({ attrs }: Call): string {
  return `transA = ${Number(Boolean(attrs['transposeA']))}, transB = ${Number(Boolean(attrs['transposeB']))}`;
}

/** Where the bias can be what the product is added to: one pass less over the output. */
function isLinearLayer({ a, b, bias }: Call['inputs']): boolean {
  return a.shape.length === 2 && b.shape.length === 2 && bias.shape.length === 1 && isFloat(bias);
}

const batchMatMul: NativeKernel = (call) => {
  if (isWeightGradient(call)) return transposedFirst(call);
  const graph = product(call, 'y');
  const { a, b } = call.inputs;
  return graph && call.backend.run(graph.lines.join('\n'), { a, b }, { y: { shape: graph.shape } }).y;
};

/** ONNX Runtime multiplies a large transposed left side, the gradient of every weight, 8 % slower. */
function isWeightGradient({ inputs: { a, b }, attrs }: Call): boolean {
  const matrices = a.shape.length === 2 && b.shape.length === 2 && isFloat(a, b);
  return (
    matrices &&
    Boolean(attrs['transposeA']) &&
    !attrs['transposeB'] &&
    a.shape[0] === b.shape[0] &&
    WORTH <= Math.min(...a.shape, b.shape[1])
  );
}

const WORTH = 64;

/** a^T b, or (b^T a)^T where that transposes less. */
function transposedFirst({ backend, inputs: { a, b } }: Call): TensorInfo {
  const [inner, rows] = a.shape;
  const columns = b.shape[1];
  const swap = inner * columns + rows * columns < inner * rows;
  const [left, right] = swap ? [b, a] : [a, b];
  const t = transposed(backend, left);
  const { y } = backend.run('y = MatMul (t, right)', { t, right }, { y: { shape: [t.shape[0], right.shape[1]] } });
  backend.disposeIntermediateTensorInfo(t);
  if (!swap) return y;
  const result = transposed(backend, y);
  backend.disposeIntermediateTensorInfo(y);
  return result;
}

function transposed(backend: OrtBackend, x: TensorInfo): TensorInfo {
  const [rows, columns] = x.shape;
  return backend.run('y = Transpose <perm = [1, 0]> (x)', { x }, { y: { shape: [columns, rows] } }).y;
}

const ACTIVATIONS: Record<string, string | undefined> = {
  relu: 'y = Relu (h)',
  relu6: 'r = Relu (h)\ny = Min (r, 6)',
  elu: 'y = Elu (h)',
  sigmoid: 'y = Sigmoid (h)',
};

const fusedMatMul: NativeKernel = (call) => {
  const { activation = 'linear', leakyreluAlpha = 0.2 } = call.attrs as FusedAttributes;
  const { a, b, bias } = call.inputs;
  const leaky = `y = LeakyRelu <alpha = ${float(leakyreluAlpha)}> (h)`;
  const activate = activation === 'leakyrelu' ? leaky : ACTIVATIONS[activation];
  const linear = activation === 'linear' ? 'y' : 'h';
  const graph = product(call, bias ? 'p' : linear);
  if (!graph || !(activate || activation === 'linear')) return undefined;
  if (bias && isLinearLayer(call.inputs)) graph.lines = [`${linear} = Gemm <${flagsOf(call)}> (a, b, bias)`];
  else if (bias) graph.lines.push(`${linear} = Add (p, bias)`);
  if (activate) graph.lines.push(activate);
  return call.backend.run(graph.lines.join('\n'), { a, b, ...(bias && { bias }) }, { y: { shape: graph.shape } }).y;
};

interface FusedAttributes {
  readonly activation?: string;
  readonly leakyreluAlpha?: number;
}

export const matmul: Record<string, NativeKernel> = {
  BatchMatMul: batchMatMul,
  _FusedMatMul: fusedMatMul,
};
