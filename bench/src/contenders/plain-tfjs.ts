/**
 * The training step as one would write it with tfjs alone, on tfjs-node, WASM or WebGPU: `node plain-tfjs.js wasm
 * <recipe>`. No fused operation, no gradient of our own, padded to the maximum, every position through the vocabulary
 * head; tfjs's Adam, because it has no AdamW and no clipping.
 */
import * as tf from '@tensorflow/tfjs';
import type { Scalar, Tensor, Tensor2D } from '@tensorflow/tfjs';
import type { MfmTarget, MlmTarget, PreparedView, TagTarget } from '@wbdc/pretrain-tasks';
import { loadEngine, type EngineName } from '../engine.js';
import { dispatchesSoFar } from '../plain-webgpu.js';
import { makeViews, type Recipe } from '../recipe.js';
import { serve, type Service } from '../serve.js';

const [engine, text] = process.argv.slice(2);
const recipe = JSON.parse(text) as Recipe;
const { width, heads, intermediate, layers, tokens, frames, frameSize, vocabulary, tags, dropout } = recipe;

await serve(async (): Promise<Service> => {
  const about = await loadEngine(engine as EngineName, recipe.threads);
  const views = makeViews(recipe);
  const model = newModel();
  const optimizer = tf.train.adam(5e-5);
  return {
    about: `plain tfjs operations on ${about}`,
    step: async (index) => {
      const loss = optimizer.minimize(() => tf.tidy(() => lossOf(model, views[index])), true)!;
      const [value] = await loss.data<'float32'>();
      loss.dispose();
      return value;
    },
    ...(tf.getBackend() === 'webgpu' && { dispatches: dispatchesSoFar }),
  };
});

type Dense = { weight: Tensor2D; bias: Tensor };
type Layer = ReturnType<typeof newLayer>;
type Model = ReturnType<typeof newModel>;

function table(rows: number, columns: number): Tensor2D {
  return tf.variable(tf.truncatedNormal([rows, columns], 0, 0.02)) as Tensor as Tensor2D;
}

function dense(inputs: number, outputs: number): Dense {
  return { weight: table(inputs, outputs), bias: tf.variable(tf.zeros([outputs])) };
}

function newNorm(): { gamma: Tensor; beta: Tensor } {
  return { gamma: tf.variable(tf.ones([width])), beta: tf.variable(tf.zeros([width])) };
}

function newLayer() {
  const square = (): Dense => dense(width, width);
  const parts = { query: square(), key: square(), value: square(), output: square() };
  return {
    ...parts,
    up: dense(width, intermediate),
    down: dense(intermediate, width),
    first: newNorm(),
    last: newNorm(),
  };
}

function newModel() {
  return {
    word: table(vocabulary, width),
    position: table(tokens + frames, width),
    norm: newNorm(),
    frames: dense(frameSize, width),
    layers: Array.from({ length: layers }, newLayer),
    mlm: dense(width, width),
    mlmBias: tf.variable(tf.zeros([vocabulary])) as Tensor,
    mfm: dense(width, frameSize),
    tag: dense(width, tags),
  };
}

function apply(x: Tensor, { weight, bias }: Dense): Tensor {
  const [inputs, outputs] = weight.shape;
  const flat: Tensor2D = tf.reshape(x, [x.size / inputs, inputs]);
  return tf.reshape(tf.add(tf.matMul(flat, weight), bias), [...x.shape.slice(0, -1), outputs]);
}

function normalize(x: Tensor, { gamma, beta }: { gamma: Tensor; beta: Tensor }): Tensor {
  const { mean, variance } = tf.moments(x, -1, true);
  return tf.add(tf.mul(tf.div(tf.sub(x, mean), tf.sqrt(tf.add(variance, 1e-12))), gamma), beta);
}

function gelu(x: Tensor): Tensor {
  const inner = tf.mul(Math.sqrt(2 / Math.PI), tf.add(x, tf.mul(0.044715, tf.mul(x, tf.mul(x, x)))));
  return tf.mul(tf.mul(0.5, x), tf.add(1, tf.tanh(inner)));
}

function block(x: Tensor, bias: Tensor, layer: Layer): Tensor {
  const [batch, length] = x.shape;
  const split = (t: Tensor): Tensor => tf.transpose(tf.reshape(t, [batch, length, heads, width / heads]), [0, 2, 1, 3]);
  const scores = tf.matMul(split(apply(x, layer.query)), split(apply(x, layer.key)), false, true);
  const weights = tf.softmax(tf.add(tf.div(scores, Math.sqrt(width / heads)), bias));
  const mixed = tf.matMul(tf.dropout(weights, dropout), split(apply(x, layer.value)));
  const joined = tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [batch, length, width]);
  const attended = normalize(tf.add(x, tf.dropout(apply(joined, layer.output), dropout)), layer.first);
  const fed = apply(gelu(apply(attended, layer.up)), layer.down);
  return normalize(tf.add(attended, tf.dropout(fed, dropout)), layer.last);
}

/** WASM cannot differentiate a lookup: there it is a product. */
function lookUp(word: Tensor2D, ids: tf.Tensor2D): Tensor {
  if (tf.getBackend() !== 'wasm') return tf.gather(word, ids);
  const [batch, length] = ids.shape;
  const chosen = tf.cast(tf.oneHot(tf.reshape(ids, [batch * length]), vocabulary), 'float32') as Tensor2D;
  return tf.reshape(tf.matMul(chosen, word), [batch, length, width]);
}

function lossOf(model: Model, { batch, targets }: PreparedView): Scalar {
  const [masked, pictures, tagged] = targets as [MlmTarget, MfmTarget, TagTarget];
  const size = recipe.batch;
  const pad = (values: Int32Array): tf.Tensor2D => {
    const rows = tf.tensor2d(values, batch.tokens.shape as [number, number], 'int32');
    return tf.pad(rows, [
      [0, 0],
      [0, tokens - rows.shape[1]],
    ]);
  };
  const features = tf.tensor3d(batch.frames.data, [size, frames, frameSize]);
  const input = tf.concat([lookUp(model.word, pad(batch.tokens.data)), apply(features, model.frames)], 1);
  const seen = tf.concat([pad(batch.textMask.data), tf.ones([size, frames], 'int32')], 1);
  const bias = tf.reshape(tf.mul(tf.sub(1, tf.cast(seen, 'float32')), -1e4), [size, 1, 1, tokens + frames]);
  const first = tf.dropout(normalize(tf.add(input, model.position), model.norm), dropout);
  const state = model.layers.reduce((x, layer) => block(x, bias, layer), first);
  const words = tf.reshape(tf.slice(state, [0, 0, 0], [size, tokens, width]), [size * tokens, width]);
  const logits = tf.add(tf.matMul(gelu(apply(words, model.mlm)), model.word, false, true), model.mlmBias);
  const length = batch.tokens.shape[1];
  const places = masked.rows.map((at) => Math.floor(at / length) * tokens + (at % length));
  const shown = tf.reshape(tf.slice(state, [0, tokens, 0], [size, frames, width]), [size * frames, width]);
  const candidates = tf.tensor2d(pictures.candidates.data, [size * frames, frameSize]);
  const similarities = tf.matMul(apply(shown, model.mfm), candidates, false, true);
  const cls = tf.reshape(tf.slice(state, [0, 0, 0], [size, 1, width]), [size, width]);
  const truth = tf.tensor2d(tagged.truth.data, [size, tags]);
  return tf.addN([
    crossEntropy(logits, places, masked.labels),
    crossEntropy(similarities, pictures.rows, pictures.labels),
    tf.losses.sigmoidCrossEntropy(truth, apply(cls, model.tag)) as Scalar,
  ]);
}

/** Over all rows, with weight 0 where nothing was asked. */
function crossEntropy(logits: Tensor, rows: Int32Array, labels: Int32Array): Scalar {
  const [count, classes] = logits.shape;
  const wanted = new Int32Array(count);
  const weights = new Float32Array(count);
  rows.forEach((row, i) => {
    wanted[row] = labels[i];
    weights[row] = 1;
  });
  const truth = tf.oneHot(tf.tensor1d(wanted, 'int32'), classes);
  return tf.losses.softmaxCrossEntropy(truth, logits, tf.tensor1d(weights)) as Scalar;
}
