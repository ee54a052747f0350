import type { TensorInfo } from '@tensorflow/tfjs';
import type { HostArray, Spec } from '../backend.js';
import { float } from '../graph.js';
import { sizeOf, type NativeKernel } from '../kernel.js';

/** y, mean and 1 / standard deviation of a layer normalisation over the last axis. */
const layerNorm: NativeKernel = ({ backend, inputs: { x, gamma, beta }, attrs: { epsilon } }) => {
  const rows = { shape: [...x.shape.slice(0, -1), 1] };
  const lines = `y, mean, rstd = LayerNormalization <axis = -1, epsilon = ${float(epsilon as number)}> (x, gamma, beta)`;
  const { y, mean, rstd } = backend.run(lines, { x, gamma, beta }, { y: { shape: x.shape }, mean: rows, rstd: rows });
  return [y, mean, rstd];
};

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

const layerNormGrad: NativeKernel = ({ backend, inputs: { dy, x, gamma, mean, rstd } }) => {
  const width = x.shape[x.shape.length - 1];
  const rows = sizeOf(x.shape) / width;
  const matrix = (t: TensorInfo, columns: number): TensorInfo => backend.reshaped(t, [rows, columns]);
  const inputs = {
    dy: matrix(dy, width),
    x: matrix(x, width),
    gamma: backend.reshaped(gamma, [1, width]),
    mean: matrix(mean, 1),
    rstd: matrix(rstd, 1),
    d: BigInt64Array.of(BigInt(width)),
  };
  const row = { shape: [1, width] };
  const grads = backend.run(LAYER_NORM_GRAD, inputs, { dx: { shape: [rows, width] }, dgamma: row, dbeta: row });
  const flat = (t: TensorInfo): TensorInfo => backend.reshaped(t, gamma.shape);
  return [backend.reshaped(grads.dx, x.shape), flat(grads.dgamma), flat(grads.dbeta)];
};

const QUICK = 1.702;
const GELU: Record<string, string> = {
  erf: 'y = Gelu (x)',
  quick: `y = QuickGelu <alpha = ${QUICK}> (x)`,
};

/** HardSigmoid does (1 + erf) / 2 in one pass; the density's factor goes into its exponent. */
const GELU_GRAD: Record<string, string> = {
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

const gelu: NativeKernel = ({ backend, inputs: { x }, attrs: { form } }) =>
  backend.run(GELU[form as string], { x }, { y: { shape: x.shape } }).y;

const geluGrad: NativeKernel = ({ backend, inputs: { dy, x }, attrs: { form } }) =>
  backend.run(GELU_GRAD[form as string], { dy, x }, { dx: { shape: x.shape } }).dx;

const maskedSoftmax: NativeKernel = ({ backend, inputs: { x, bias }, attrs: { scale } }) => {
  const lines = `s = Mul (x, ${scale})\nb = Add (s, bias)\ny = Softmax <axis = -1> (b)`;
  return backend.run(lines, { x, bias }, { y: { shape: x.shape } }).y;
};

const maskedSoftmaxGrad: NativeKernel = ({ backend, inputs: { dy, y }, attrs: { scale } }) => {
  const lines = `p = Mul (dy, y)
    s = ReduceSum <keepdims = 1> (p, [-1])
    d = Sub (dy, s)
    e = Mul (y, d)
    dx = Mul (e, ${scale})`;
  return backend.run(lines, { dy, y }, { dx: { shape: y.shape } }).dx;
};

/**
 * Runs a function over the live arrays of its inputs, which it may change in place, and of new outputs, zeros at first.
 */
const host: NativeKernel = ({ backend, inputs, attrs }) => {
  const { outputs, run } = attrs as unknown as { outputs: Spec[]; run(from: HostArray[], to: HostArray[]): void };
  const results = outputs.map((spec) => backend.allocate(spec));
  const to = results.map((result) => backend.values(result).fill(0));
  const from = Object.keys(inputs).map((_, i) => backend.values(inputs[i]));
  run(from, to);
  return results;
};

export const fused: Record<string, NativeKernel> = {
  WbdcGelu: gelu,
  WbdcGeluGrad: geluGrad,
  WbdcHost: host,
  WbdcLayerNorm: layerNorm,
  WbdcLayerNormGrad: layerNormGrad,
  WbdcMaskedSoftmax: maskedSoftmax,
  WbdcMaskedSoftmaxGrad: maskedSoftmaxGrad,
};
