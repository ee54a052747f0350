import type { TensorInfo } from '@tensorflow/tfjs';
import type { GeluForm } from '@wbdc/nn/kernels';
import { sizeOf } from '@wbdc/nn/plain';
import type { OrtBackend } from '../backend.js';
import { float } from '../graph.js';
import { defineKernels, type Fused } from '../kernel.js';

const normalisation = (epsilon: number): string =>
  `y, mean, rstd = LayerNormalization <axis = -1, epsilon = ${float(epsilon)}> (x, gamma, beta)`;

/** y, mean and 1 / standard deviation of a layer normalisation over the last axis. */
const layerNorm: Fused<'WbdcLayerNorm'> = ({ backend, inputs: { x, gamma, beta }, attrs: { epsilon } }) => {
  const rows = { shape: [...x.shape.slice(0, -1), 1] };
  const outputs = { y: { shape: x.shape }, mean: rows, rstd: rows };
  const { y, mean, rstd } = backend.run(normalisation(epsilon), { x, gamma, beta }, outputs);
  return [y, mean, rstd];
};

/** A layer normalisation of a + b, and the sum. */
const addLayerNorm: Fused<'WbdcAddLayerNorm'> = ({ backend, inputs: { a, b, gamma, beta }, attrs: { epsilon } }) => {
  const { rows, width } = matrixOf(a);
  const matrix = { shape: [rows, width] };
  const column = { shape: [rows, 1] };
  const { y, mean, rstd, x } = backend.runPieces(
    `x = Add (a, b)\n${normalisation(epsilon)}`,
    piecesOf(a),
    { a: backend.reshaped(a, matrix.shape), b: backend.reshaped(b, matrix.shape) },
    { gamma, beta },
    { y: matrix, mean: column, rstd: column, x: matrix },
  );
  const columnShape = [...a.shape.slice(0, -1), 1];
  return [
    backend.reshaped(y, a.shape),
    backend.reshaped(mean, columnShape),
    backend.reshaped(rstd, columnShape),
    backend.reshaped(x, a.shape),
  ];
};

/** Rows and columns of a tensor as a matrix of its last axis. */
function matrixOf({ shape }: TensorInfo): { rows: number; width: number } {
  const width = shape[shape.length - 1];
  return { rows: sizeOf(shape) / width, width };
}

/** Values of a piece of an elementwise graph: large enough for all threads, and what it makes stays in the caches. */
const PIECE = 1 << 20;

/** In how many pieces to run through a tensor. */
function piecesOf(tensor: TensorInfo): number {
  return Math.min(matrixOf(tensor).rows, Math.ceil(sizeOf(tensor.shape) / PIECE));
}

/**
 * With h = (x - mean) rstd and e = dy gamma: dx = rstd (e - avg(e) - h avg(e h)), dgamma = sum(dy h), dbeta = sum(dy).
 * The sums are matrix products over [N, D]: those read their input once, and write next to nothing.
 */
const LAYER_NORM_GRAD = `xc = Sub (x, mean)
  p = Mul (dy, xc)
  dgamma = FusedMatMul <transA = 1> (rstd, p)
  dbeta = ReduceSum <keepdims = 1> (dy, [0])
  column = Transpose <perm = [1, 0]> (gamma)
  pg = MatMul (p, column)
  eg = MatMul (dy, column)
  width = Cast <to = 1> (d)
  r2 = Mul (rstd, rstd)
  r3 = Mul (r2, rstd)
  t1 = Mul (pg, r3)
  k = Div (t1, width)
  t2 = Mul (eg, rstd)
  c = Div (t2, width)
  e = Mul (dy, gamma)
  er = Mul (e, rstd)
  ec = Sub (er, c)
  xk = Mul (xc, k)
  dx = Sub (ec, xk)`;

const layerNormGrad: Fused<'WbdcLayerNormGrad'> = ({ backend, inputs: { dy, x, gamma, mean, rstd } }) => {
  const { rows, width } = matrixOf(x);
  const pieces = piecesOf(x);
  const matrix = (t: TensorInfo, columns: number): TensorInfo => backend.reshaped(t, [rows, columns]);
  const inputs = { dy: matrix(dy, width), x: matrix(x, width), mean: matrix(mean, 1), rstd: matrix(rstd, 1) };
  const whole = { gamma: backend.reshaped(gamma, [1, width]), d: BigInt64Array.of(BigInt(width)) };
  const partial = { shape: [pieces, width] };
  const outputs = { dx: { shape: [rows, width] }, dgamma: partial, dbeta: partial };
  const { dx, dgamma, dbeta } = backend.runPieces(LAYER_NORM_GRAD, pieces, inputs, whole, outputs);
  return [backend.reshaped(dx, x.shape), sumOfRows(backend, dgamma), sumOfRows(backend, dbeta)];
};

/** The sum over the first axis `[N, D]`, to `[D]`; disposes its input. */
function sumOfRows(backend: OrtBackend, partials: TensorInfo): TensorInfo {
  const [count, width] = partials.shape;
  if (count === 1) return backend.reshaped(partials, [width]);
  const { y } = backend.run('y = ReduceSum <keepdims = 0> (x, [0])', { x: partials }, { y: { shape: [width] } });
  backend.disposeIntermediateTensorInfo(partials);
  return y;
}

const QUICK = 1.702;
const GELU: Record<GeluForm, string> = {
  erf: 'y = Gelu (x)',
  quick: `y = QuickGelu <alpha = ${QUICK}> (x)`,
};

/** HardSigmoid does (1 + erf) / 2 in one pass; the density's factor goes into its exponent. */
const GELU_GRAD: Record<GeluForm, string> = {
  erf: `u = Mul (x, ${Math.SQRT1_2})
    e = Erf (u)
    cdf = HardSigmoid <alpha = 0.5, beta = 0.5> (e)
    q = Mul (u, u)
    n = Sub (${-0.5 * Math.log(2 * Math.PI)}, q)
    density = Exp (n)
    slope = Mul (x, density)
    d = Add (cdf, slope)
    dx = Mul (dy, d)`,
  quick: `u = Mul (x, ${QUICK})
    s = Sigmoid (u)
    q = Mul (u, s)
    r = Sub (u, q)
    t = Add (r, 1)
    d = Mul (s, t)
    dx = Mul (dy, d)`,
};

const gelu: Fused<'WbdcGelu'> = ({ backend, inputs: { x }, attrs: { form } }) => [
  backend.run(GELU[form], { x }, { y: { shape: x.shape } }).y,
];

const geluGrad: Fused<'WbdcGeluGrad'> = ({ backend, inputs: { dy, x }, attrs: { form } }) => {
  const { rows, width } = matrixOf(x);
  const shape = [rows, width];
  const inputs = { dy: backend.reshaped(dy, shape), x: backend.reshaped(x, shape) };
  const { dx } = backend.runPieces(GELU_GRAD[form], piecesOf(x), inputs, {}, { dx: { shape } });
  return [backend.reshaped(dx, x.shape)];
};

const maskedSoftmax: Fused<'WbdcMaskedSoftmax'> = ({ backend, inputs: { x, bias }, attrs: { scale } }) => {
  const lines = `s = Mul (x, ${scale})\nb = Add (s, bias)\ny = Softmax <axis = -1> (b)`;
  return [backend.run(lines, { x, bias }, { y: { shape: x.shape } }).y];
};

const maskedSoftmaxGrad: Fused<'WbdcMaskedSoftmaxGrad'> = ({ backend, inputs: { dy, y }, attrs: { scale } }) => {
  const lines = `p = Mul (dy, y)
    s = ReduceSum <keepdims = 1> (p, [-1])
    d = Sub (dy, s)
    e = Mul (y, d)
    dx = Mul (e, ${scale})`;
  return [backend.run(lines, { dy, y }, { dx: { shape: y.shape } }).dx];
};

/** Scales everything, then has the mask set values of rows of the first axis to zero. */
const dropout: Fused<'WbdcDropout'> = ({ backend, inputs: { x }, attrs: { drop } }) => {
  const factor = backend.makeTensorInfo([], 'float32', Float32Array.of(drop.scale));
  const { y } = backend.run('y = Mul (x, factor)', { x, factor }, { y: { shape: x.shape } });
  backend.disposeIntermediateTensorInfo(factor);
  drop.apply(backend.values(y) as Float32Array, 0, x.shape[0] ?? 1, 0);
  return [y];
};

export const fused = defineKernels({
  WbdcAddLayerNorm: addLayerNorm,
  WbdcDropout: dropout,
  WbdcGelu: gelu,
  WbdcGeluGrad: geluGrad,
  WbdcLayerNorm: layerNorm,
  WbdcLayerNormGrad: layerNormGrad,
  WbdcMaskedSoftmax: maskedSoftmax,
  WbdcMaskedSoftmaxGrad: maskedSoftmaxGrad,
});
