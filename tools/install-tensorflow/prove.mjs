// Proves an installed binding: values, gradients and one step of gradient descent, against the same in plain numbers.
// Usage: node prove.mjs @tensorflow/tfjs-node
import { createRequire } from 'node:module';
import util from 'node:util';

util.isNullOrUndefined ??= (value) => value == null; // tfjs-node calls it; Node 23 took it away
process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
process.env.TF_FORCE_GPU_ALLOW_GROWTH ??= 'true';

const [ROWS, INPUTS, RATE] = [7, 5, 0.1];
const wave = (count, phase) => Array.from({ length: count }, (_, i) => Math.sin(0.7 * i + phase));
const [x, w, y] = [wave(ROWS * INPUTS, 0), wave(INPUTS, 1), wave(ROWS, 2)];

const tf = createRequire(import.meta.url)(process.argv[2]);
expect('the engine', tf.getBackend(), 'tensorflow');
const weight = tf.variable(tf.tensor2d(w, [INPUTS, 1]));
const loss = () =>
  tf.mean(tf.square(tf.sub(tf.matMul(tf.tensor2d(x, [ROWS, INPUTS]), weight), tf.tensor2d(y, [ROWS, 1]))));
const { value, grads } = tf.variableGrads(loss);
near('the loss', value.dataSync(), [lossOf(w)]);
const gradient = gradientOf(w);
near('the gradient', grads[weight.name].dataSync(), gradient);
weight.assign(tf.sub(weight, tf.mul(grads[weight.name], RATE)));
const after = lossOf(w.map((value, i) => value - RATE * gradient[i]));
near('the loss after a step', loss().dataSync(), [after]);
if (!(after < lossOf(w))) throw new Error(`the step: expected a smaller loss than ${lossOf(w)}, got ${after}`);
console.log(
  `TensorFlow ${tf.backend().binding?.TF_Version ?? '?'} on the ` +
    `${tf.backend().isUsingGpuDevice ? 'GPU' : 'CPU'}: loss ${lossOf(w).toFixed(4)}, after a step ${after.toFixed(4)}`,
);

function residuals(weights) {
  return y.map((target, r) => weights.reduce((sum, value, i) => sum + value * x[r * INPUTS + i], 0) - target);
}

function lossOf(weights) {
  return residuals(weights).reduce((sum, d) => sum + d * d, 0) / ROWS;
}

function gradientOf(weights) {
  return weights.map((_, i) => (2 / ROWS) * residuals(weights).reduce((sum, d, r) => sum + d * x[r * INPUTS + i], 0));
}

function expect(what, got, expected) {
  if (got !== expected) throw new Error(`${what}: expected ${expected}, got ${got}`);
}

function near(what, got, expected) {
  if (got.length === expected.length && expected.every((value, i) => Math.abs(got[i] - value) < 1e-5)) return;
  throw new Error(`${what}: expected ${expected.join(', ')}, got ${[...got].join(', ')}`);
}
