export { assertBatchFits, padBatch, partOf, takeRows } from './batch.js';
export type { Batch, FieldSpan, Part } from './batch.js';
export { BERT_EPSILON, bert, bertLayerConfig, embedInputs, embedWords, newBert, newInputEmbedding } from './bert.js';
export type { Bert, BertConfig, BertEmbedding, BertLayerSettings, InputEmbedding } from './bert.js';
export { groupFrames, groupRows, hideEqual, rowsIn } from './equal-rows.js';
export { frameFeatures, recomputing } from './encoder.js';
export { attentionRollout } from './rollout.js';
export type { Attended, Context, Encoded, Encoder, Positions } from './encoder.js';
export { decodeBfloat16, decodeFloat16, encodeFloat16 } from './float16.js';
export { floats, ints, joinColumns, sizeOf } from './host.js';
export type { Floats, Ints } from './host.js';
export { INITIAL_DEVIATION, newLinear, newNorm, newTable, newVector, parameter } from './init.js';
export type { GeluForm } from './kernels.js';
export { metricSums, metricValues, readMetrics, scalars } from './metric.js';
export type { LossResult, Metric, MetricSum } from './metric.js';
export { attentionWeights, dotProductAttention, projectedAttention } from './ops/attention.js';
export type { AttentionInputs, AttentionOptions } from './ops/attention.js';
export { dropout } from './ops/dropout.js';
export { gelu } from './ops/gelu.js';
export { gradientsOf } from './ops/gradients.js';
export { differentiable, fusedKernel, hasKernel } from './ops/kernel.js';
export { addLayerNorm, layerNorm } from './ops/layer-norm.js';
export type { Norm } from './ops/layer-norm.js';
export { linear } from './ops/linear.js';
export type { Linear } from './ops/linear.js';
export {
  countCorrect,
  gatherRows,
  l2Normalize,
  meanPool,
  sigmoidCrossEntropy,
  softmaxCrossEntropy,
  symmetricInfoNce,
} from './ops/losses.js';
export { attentionBias, maskedSoftmax } from './ops/masked-softmax.js';
export { recomputed } from './ops/recompute.js';
export {
  evenStride,
  foldIn,
  permutation,
  randomBits,
  randomInt,
  randomKey,
  randomSubset,
  truncatedNormal,
  undrawn,
  uniform,
  withRows,
} from './random.js';
export type { Key } from './random.js';
export { attention, newAttention, newLayer, residual, subKey, transformer, transformerLayer } from './transformer.js';
export type { Attention, Layer, LayerConfig } from './layer.js';
export { disposeTree, flatten, mapTree, unflatten } from './tree.js';
export type { Param, ParamTree } from './tree.js';
export { completeWasmBackend } from './wasm.js';
