export { OnnxGraph } from './onnx/graph.js';
export type { OnnxDimension, OnnxType, Value } from './onnx/graph.js';
export { onnxInputs, onnxOutputs, onnxParams, onnxSlice } from './onnx/head.js';
export type { OnnxHead, OnnxStates } from './onnx/head.js';
export {
  onnxAttention,
  onnxAttentionBias,
  onnxColumns,
  onnxEmbedding,
  onnxGelu,
  onnxLayerNorm,
  onnxLinear,
  onnxResidual,
  onnxTransformer,
  onnxWords,
} from './onnx/transformer.js';
