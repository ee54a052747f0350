import * as tf from '@tensorflow/tfjs';
import type { GeluForm } from '@wbdc/nn/kernels';
import { defineKernels, type Fused } from '../binding.js';
import { withFactors } from '../factors.js';
import { run } from '../run.js';

const normalisation = (epsilon: number): string => `mean = Mean <keep_dims = true> (x, [-1])
  d = Sub (x, mean)
  q = Square (d)
  variance = Mean <keep_dims = true> (q, [-1])
  e = AddV2 (variance, ${epsilon})
  rstd = Rsqrt (e)
  n = Mul (d, rstd)
  s = Mul (n, gamma)
  y = AddV2 (s, beta)`;

/** y, mean and 1 / standard deviation of a layer normalisation over the last axis. */
const layerNorm: Fused<'WbdcLayerNorm'> = ({ backend, inputs: { x, gamma, beta }, attrs: { epsilon } }) =>
  run(backend, normalisation(epsilon), { x, gamma, beta }, ['y', 'mean', 'rstd']);

/** A layer normalisation of a + b, and the sum. */
const addLayerNorm: Fused<'WbdcAddLayerNorm'> = ({ backend, inputs: { a, b, gamma, beta }, attrs: { epsilon } }) => {
  const lines = `x = AddV2 (a, b)\n${normalisation(epsilon)}`;
  return run(backend, lines, { a, b, gamma, beta }, ['y', 'mean', 'rstd', 'x']);
};

/**
 * With h = (x - mean) rstd and e = dy gamma: dx = rstd (e - avg(e) - h avg(e h)), dgamma = sum(dy h), dbeta = sum(dy).
 */
const LAYER_NORM_GRAD = `d = Sub (x, mean)
  h = Mul (d, rstd)
  p = Mul (dy, h)
  dgamma = BiasAddGrad (p)
  dbeta = BiasAddGrad (dy)
  e = Mul (dy, gamma)
  eh = Mul (e, h)
  b = Mean <keep_dims = true> (eh, [-1])
  a = Mean <keep_dims = true> (e, [-1])
  c = Sub (e, a)
  hb = Mul (h, b)
  s = Sub (c, hb)
  dx = Mul (s, rstd)`;

const layerNormGrad: Fused<'WbdcLayerNormGrad'> = ({ backend, inputs: { dy, x, gamma, mean, rstd } }) =>
  run(backend, LAYER_NORM_GRAD, { dy, x, gamma, mean, rstd }, ['dx', 'dgamma', 'dbeta']);

/**
 * y = x g(x) with the normal distribution function, or its logistic approximation, as gate g; and where the slope is
 * wanted, g + x g'. The density's factor goes into its exponent.
 */
const GELU: Record<GeluForm, { readonly value: string; readonly slope: string }> = {
  erf: {
    value: `u = Mul (x, ${Math.SQRT1_2})
      e = Erf (u)
      f = Mul (e, 0.5)
      g = AddV2 (f, 0.5)
      y = Mul (x, g)`,
    slope: `q = Square (u)
      n = Sub (${-0.5 * Math.log(2 * Math.PI)}, q)
      density = Exp (n)
      t = Mul (x, density)
      slope = AddV2 (g, t)`,
  },
  quick: {
    value: `u = Mul (x, 1.702)
      g = Sigmoid (u)
      y = Mul (x, g)`,
    slope: `r = Mul (u, g)
      s = Sub (u, r)
      t = AddV2 (s, 1)
      slope = Mul (g, t)`,
  },
};

/** In a gradient's forward pass, the value and the slope. */
const gelu: Fused<'WbdcGelu'> = ({ backend, inputs: { x }, attrs: { form } }) => {
  const { value, slope } = GELU[form];
  if (tf.engine().state.gradientDepth === 0) return run(backend, value, { x }, ['y']);
  return run(backend, `${value}\n${slope}`, { x }, ['y', 'slope']);
};

/** x is the slope that was kept in place of it. */
const geluGrad: Fused<'WbdcGeluGrad'> = ({ backend, inputs: { dy, x } }) =>
  run(backend, 'dx = Mul (dy, x)', { dy, x }, ['dx']);

const dropout: Fused<'WbdcDropout'> = ({ backend, inputs: { x }, attrs: { drop } }) =>
  withFactors(backend, drop, x.shape, (factors) => run(backend, 'y = Mul (x, factors)', { x, factors }, ['y']));

export const fused = defineKernels({
  WbdcAddLayerNorm: addLayerNorm,
  WbdcDropout: dropout,
  WbdcGelu: gelu,
  WbdcGeluGrad: geluGrad,
  WbdcLayerNorm: layerNorm,
  WbdcLayerNormGrad: layerNormGrad,
});
