import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { distance, wave } from '../../../tools/testing.js';
import { registerOrtBackend } from '../src/index.js';

beforeAll(async () => {
  registerOrtBackend();
  await tf.setBackend('ort');
});

function runKernel(name: string, inputs: tf.NamedTensorMap, attrs: object = {}): tf.Tensor[] {
  const outputs = tf.engine().runKernel(name, inputs, attrs as tf.NamedAttrMap);
  return Array.isArray(outputs) ? outputs : [outputs as tf.Tensor];
}

/** Runs a kernel on waves of these shapes, and gives inputs and outputs as doubles. */
function outcome(name: string, shapes: Record<string, number[]>, attrs: object = {}, scale = 1.5) {
  return tf.tidy(() => {
    const tensors = Object.fromEntries(
      Object.entries(shapes).map(([key, shape], k) => [
        key,
        tf.tensor(wave(tf.util.sizeFromShape(shape), k, scale, key === 'rstd' ? 2 : 0), shape),
      ]),
    );
    const read = (t: tf.Tensor): number[] => Array.from(t.dataSync());
    const outputs = runKernel(name, tensors, attrs);
    return {
      inputs: Object.fromEntries(Object.entries(tensors).map(([key, t]) => [key, read(t)])),
      outputs: outputs.map(read),
      shapes: outputs.map((t) => t.shape),
    };
  });
}

const SHAPES = [
  [2, 3, 7],
  [5, 13],
  [3, 11, 257],
];

const sum = (values: number[]): number => values.reduce((a, b) => a + b, 0);
const rowsOf = (values: number[], width: number): number[][] =>
  Array.from({ length: values.length / width }, (_, i) => values.slice(i * width, (i + 1) * width));

describe.each(SHAPES.map((shape) => ({ shape })))('layer normalisation of $shape', ({ shape }) => {
  const width = shape[shape.length - 1];
  const column = [...shape.slice(0, -1), 1];
  const epsilon = 1e-5;

  it('normalises rows', () => {
    const { inputs, outputs, shapes } = outcome(
      'WbdcLayerNorm',
      { x: shape, gamma: [width], beta: [width] },
      { epsilon },
    );
    const { x, gamma, beta } = inputs;
    const rows = rowsOf(x, width).map((row) => {
      const mean = sum(row) / width;
      const rstd = 1 / Math.sqrt(sum(row.map((v) => (v - mean) ** 2)) / width + epsilon);
      return { mean, rstd, y: row.map((v, i) => (v - mean) * rstd * gamma[i] + beta[i]) };
    });
    expect(shapes).toEqual([shape, column, column]);
    expect(
      distance(
        outputs[0],
        rows.flatMap((row) => row.y),
      ),
    ).toBeLessThan(2e-5);
    expect(
      distance(
        outputs[1],
        rows.map((row) => row.mean),
      ),
    ).toBeLessThan(1e-5);
    expect(
      distance(
        outputs[2],
        rows.map((row) => row.rstd),
      ),
    ).toBeLessThan(1e-5);
  });

  it('has the gradient of the formula', () => {
    const all = { dy: shape, x: shape, gamma: [width], mean: column, rstd: column };
    const { inputs, outputs, shapes } = outcome('WbdcLayerNormGrad', all);
    const { dy, x, gamma, mean, rstd } = inputs;
    const h = x.map((v, i) => (v - mean[Math.floor(i / width)]) * rstd[Math.floor(i / width)]);
    const e = dy.map((v, i) => v * gamma[i % width]);
    const dx = rowsOf(e, width).flatMap((row, r) => {
      const own = h.slice(r * width, (r + 1) * width);
      const [a, b] = [sum(row) / width, sum(row.map((v, i) => v * own[i])) / width];
      return row.map((v, i) => rstd[r] * (v - a - own[i] * b));
    });
    const over = (f: (i: number) => number): number[] =>
      gamma.map((_, j) => sum(dy.flatMap((_, i) => (i % width === j ? [f(i)] : []))));
    const dgamma = over((i) => dy[i] * h[i]);
    expect(shapes).toEqual([shape, [width], [width]]);
    expect(distance(outputs[0], dx)).toBeLessThan(5e-5);
    expect(distance(outputs[1], dgamma)).toBeLessThan(1e-4);
    expect(
      distance(
        outputs[2],
        over((i) => dy[i]),
      ),
    ).toBeLessThan(1e-4);
  });
});

/** erf by its series: for |x| below 5 exact to 1e-9 in doubles. */
function erf(x: number): number {
  let [term, total] = [x, x];
  for (let n = 1; n < 200; n++) {
    term *= (-x * x) / n;
    total += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * total;
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const FORMS = {
  erf: {
    value: (x: number) => (x * (1 + erf(x * Math.SQRT1_2))) / 2,
    slope: (x: number) => (1 + erf(x * Math.SQRT1_2)) / 2 + (x * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI),
  },
  quick: {
    value: (x: number) => x * sigmoid(1.702 * x),
    slope: (x: number) => sigmoid(1.702 * x) * (1 + 1.702 * x * (1 - sigmoid(1.702 * x))),
  },
};

describe.each(['erf', 'quick'] as const)('gelu, %s', (form) => {
  it.each(SHAPES.map((shape) => ({ shape })))('of $shape', ({ shape }) => {
    const forward = outcome('WbdcGelu', { x: shape }, { form }, 5);
    expect(distance(forward.outputs[0], forward.inputs['x'].map(FORMS[form].value))).toBeLessThan(1e-5);
    const { inputs, outputs } = outcome('WbdcGeluGrad', { dy: shape, x: shape }, { form }, 5);
    const expected = inputs['x'].map((x, i) => inputs['dy'][i] * FORMS[form].slope(x));
    expect(distance(outputs[0], expected)).toBeLessThan(1e-5);
  });
});

describe.each([0.37, 1, 2])('masked softmax with scale %d', (scale) => {
  const [B, H, Q, K] = [2, 3, 5, 7];

  it('adds the bias of the masked keys', () => {
    const { inputs, outputs } = outcome('WbdcMaskedSoftmax', { x: [B, H, Q, K], bias: [B, 1, 1, K] }, { scale });
    const expected = rowsOf(inputs['x'], K).flatMap((row, r) => {
      const bias = Math.floor(r / (H * Q)) * K;
      const e = row.map((v, i) => Math.exp(v * scale + inputs['bias'][bias + i]));
      return e.map((v) => v / sum(e));
    });
    expect(distance(outputs[0], expected)).toBeLessThan(1e-6);
  });

  it('gives masked keys nothing', () => {
    const [y] = tf.tidy(() => {
      const bias = tf.tensor4d([0, -1e9, 0], [1, 1, 1, 3]);
      return runKernel('WbdcMaskedSoftmax', { x: tf.ones([1, 2, 5, 3]), bias }, { scale }).map((t) => t.dataSync());
    });
    for (let i = 0; i < y.length; i++) expect(y[i]).toBeCloseTo([0.5, 0, 0.5][i % 3]);
  });

  it('has the gradient of the formula', () => {
    const { inputs, outputs } = outcome('WbdcMaskedSoftmaxGrad', { dy: [B, H, Q, K], y: [B, H, Q, K] }, { scale });
    const dys = rowsOf(inputs['dy'], K);
    const expected = rowsOf(inputs['y'], K).flatMap((y, r) => {
      const dot = sum(y.map((v, i) => v * dys[r][i]));
      return y.map((v, i) => scale * v * (dys[r][i] - dot));
    });
    expect(distance(outputs[0], expected)).toBeLessThan(1e-5);
  });
});
