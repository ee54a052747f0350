export { OnnxGraph } from './onnx/graph.js';
export type { OnnxDimension, OnnxType, Value } from './onnx/graph.js';
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
} from './onnx/transformer.js';
