import * as tf from '@tensorflow/tfjs';
import type { TensorInfo } from '@tensorflow/tfjs';
import { float } from '../graph.js';
import { isFloat, sizeOf, type Call, type NativeKernel } from '../kernel.js';

/** Multiplications below which the inherited loop wins. */
const SMALL_PRODUCT = 4096;

interface Product {
  readonly line: string;
  readonly shape: number[];
}

/** The ONNX line that makes `y` of a and b, or undefined where the inherited kernel serves better. */
function product({ inputs: { a, b }, attrs }: Call, output: string): Product | undefined {
  const [transA, transB] = [Boolean(attrs['transposeA']), Boolean(attrs['transposeB'])];
  const [rows, inner] = matrixShape(a, transA);
  const [innerB, columns] = matrixShape(b, transB);
  if (inner !== innerB) {
    const side = (t: TensorInfo, trans: boolean): string => `[${t.shape.join(', ')}]${trans ? ' transposed' : ''}`;
    throw new Error(`matMul: expected equal inner sizes, got ${side(a, transA)} times ${side(b, transB)}`);
  }
  const batch = tf.broadcast_util.assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const shape = [...batch, rows, columns];
  if (!isFloat(a, b) || sizeOf(shape) * inner < SMALL_PRODUCT) return undefined;
  const flags = `transA = ${Number(transA)}, transB = ${Number(transB)}`;
  return { line: `${output} = FusedMatMul <${flags}> (a, b)`, shape };
}

function matrixShape({ shape }: TensorInfo, transposed: boolean): [number, number] {
  const [rows, columns] = shape.slice(-2);
  return transposed ? [columns, rows] : [rows, columns];
}

const batchMatMul: NativeKernel = (call) => {
  const found = product(call, 'y');
  const { a, b } = call.inputs;
  return found && call.backend.run(found.line, { a, b }, { y: { shape: found.shape } }).y;
};

const ACTIVATIONS: Record<string, string | undefined> = {
  linear: 'y = Identity (h)',
  relu: 'y = Relu (h)',
  relu6: 'r = Relu (h)\ny = Min (r, 6)',
  elu: 'y = Elu (h)',
  sigmoid: 'y = Sigmoid (h)',
};

const fusedMatMul: NativeKernel = (call) => {
  const { activation, leakyreluAlpha } = call.attrs;
  const activate =
    activation === 'leakyrelu'
      ? `y = LeakyRelu <alpha = ${float((leakyreluAlpha as number | undefined) ?? 0.2)}> (h)`
      : ACTIVATIONS[activation as string];
  const found = product(call, call.inputs['bias'] ? 'p' : 'h');
  if (!found || !activate) return undefined;
  const { a, b, bias } = call.inputs;
  const lines = [found.line, ...(bias ? ['h = Add (p, bias)'] : []), activate].join('\n');
  return call.backend.run(lines, { a, b, ...(bias && { bias }) }, { y: { shape: found.shape } }).y;
};

export const matmul: Record<string, NativeKernel> = {
  BatchMatMul: batchMatMul,
  _FusedMatMul: fusedMatMul,
};
