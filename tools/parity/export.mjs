// Saves fresh models in the layout of Hugging Face into a folder, with the states computed here: for export_check.py.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import * as tf from '@tensorflow/tfjs';

const packages = resolve(import.meta.dirname, '../../packages');
const load = (path) =>
  import(join(packages, path)).catch((cause) => {
    throw new Error(`expected ${path} to be built: run npx tsc -b`, { cause });
  });
const {
  BERT_EPSILON,
  bert,
  flatten,
  gelu,
  ints,
  layerNorm,
  linear,
  newBert,
  newLinear,
  newNorm,
  newVector,
  randomKey,
  truncatedNormal,
} = await load('nn/dist/index.js');
const { saveBert } = await load('checkpoints/dist/node.js');
const { clipVision } = await load('clip-model/dist/index.js');
const { saveClipVision } = await load('clip-model/dist/node.js');

const { uniModel } = await load('uni-model/dist/index.js');
const { saveUniModel } = await load('uni-model/dist/node.js');
const { lxmertModel } = await load('lxmert-model/dist/index.js');
const { saveLxmertModel } = await load('lxmert-model/dist/node.js');
const { Tokenizer, WBDC_LAYOUT } = await load('tokenizer/dist/index.js');

const root = process.argv[2];
const folder = (name) => {
  mkdirSync(join(root, name), { recursive: true });
  return join(root, name);
};
const write = (name, data) => writeFileSync(join(root, `${name}.json`), JSON.stringify(data));
/** Values away from the initial zeros and ones, so that no exchange of two parameters goes unseen. */
const scatter = (params) =>
  flatten(params).forEach(({ path, leaf }, k) => {
    const noise = tf.tensor(truncatedNormal(randomKey(k), leaf.size, 0.3), leaf.shape);
    leaf.assign(path.endsWith('gamma') ? tf.add(noise, 1) : noise);
  });

await tf.setBackend('cpu');
const config = {
  vocabSize: 23,
  hiddenSize: 14,
  layers: 3,
  heads: 7,
  intermediateSize: 22,
  maxPositions: 11,
  segments: 2,
  dropout: 0.1,
};
const tokens = [2, 5, 7, 11, 3, 2, 22, 3, 0, 0];
const text = {
  tokens: ints([2, 5], Int32Array.from(tokens)),
  segments: ints([2, 5], Int32Array.of(0, 0, 1, 1, 1, 0, 0, 0, 0, 0)),
  textMask: ints([2, 5], Int32Array.from(tokens, Math.sign)),
};
const encoder = newBert(randomKey(1), config);
const head = { transform: newLinear(randomKey(2), 14, 14), norm: newNorm(14), bias: newVector(23) };
scatter({ encoder, head });
await saveBert(folder('bert'), encoder, config);
await saveBert(folder('bert-mlm'), encoder, config, { mlmHead: head });
const hidden = bert(encoder, text, config);
const transformed = layerNorm(gelu(linear(hidden, head.transform), 'erf'), head.norm, BERT_EPSILON);
const scores = tf.matMul(tf.reshape(transformed, [10, 14]), encoder.embeddings.word, false, true);
const logits = tf.add(scores, head.bias);
write('bert', {
  tokens,
  segments: [...text.segments.data],
  hidden: [...hidden.dataSync()],
  logits: [...logits.dataSync()],
});

for (const projection of [undefined, 7]) {
  const name = projection ? 'clip-projection' : 'clip';
  const vision = { imageSize: 6, patchSize: 2, width: 10, layers: 2, heads: 5, intermediateSize: 14 };
  const tower = clipVision({ ...vision, activation: projection ? 'erf' : 'quick', ...(projection && { projection }) });
  const params = tower.init(randomKey(3));
  scatter(params);
  await saveClipVision(folder(name), params, tower.config);
  const pixels = truncatedNormal(randomKey(5), 3 * 3 * 6 * 6, 1);
  const { pooled, projected } = tower.forward(params, tf.tensor4d(pixels, [3, 3, 6, 6]));
  write(name, { pixels: [...pixels], output: [...(projected ?? pooled).dataSync()] });
}

const vocabulary = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', ...'视频标题美食音乐游戏运动旅行学习科技'];
const tokenizer = Tokenizer.fromVocab(vocabulary);
const frames = { frameSize: 5, maxFrames: 4, frameSegment: 0 };
const streams = { videoLayers: 1, videoActivation: 'erf', crossLayers: 1 };
for (const [name, model, save, sizes] of [
  ['uni-model', uniModel, saveUniModel, frames],
  ['lxmert-model', lxmertModel, saveLxmertModel, { frameSize: 5, maxFrames: 4, ...streams }],
]) {
  const all = { ...config, ...sizes };
  const params = model(all).init(randomKey(7));
  scatter(params);
  await save(folder(name), { params, config: all, tokenizer, layout: WBDC_LAYOUT });
  write(name, { hidden: [...bert(params.bert, text, config).dataSync()], ids: tokenizer.encode('音乐视频') });
}
