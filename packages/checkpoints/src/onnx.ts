export { OnnxGraph } from './onnx/graph.js';
export type { OnnxDimension, OnnxType, Value } from './onnx/graph.js';
export { CALIBRATION_METHODS, calibrateOnnx } from './onnx/calibrate.js';
export type { CalibrateOnnxOptions, CalibrationMethod, CalibrationSession } from './onnx/calibrate.js';
export { assertDtype, ONNX_DTYPES, quantizeOnnx } from './onnx/quantize.js';
export type { OnnxDtype, OnnxRanges, QuantizeOnnxOptions } from './onnx/quantize.js';
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
