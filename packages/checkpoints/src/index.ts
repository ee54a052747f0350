export {
  SAFETENSORS_HEADER_LIMIT,
  decodeTensor,
  describeTensor,
  parseSafetensors,
  parseSafetensorsHeader,
  safetensorsHeaderLength,
  safetensorsLayout,
  serializeSafetensors,
} from './safetensors.js';
export type { SafetensorsDtype, SafetensorsHeader, TensorInfo, TensorRecord, TensorShape } from './safetensors.js';
export { bertConfigJson, bertShapeEntries, bertShapes, parseBertConfig } from './weights/bert-config.js';
export {
  bertAttentionKeys,
  bertKeyMap,
  bertLayerKeys,
  inputEmbeddingKeys,
  mlmHeadKeys,
  prefixed,
} from './weights/bert-keys.js';
export type { BertKeyMapOptions, BertLayerModules, TensorNames } from './weights/bert-keys.js';
export { exportWeights } from './weights/export.js';
export type { ExportedTensor } from './weights/export.js';
export {
  ANY_OTHER,
  joinKeyMaps,
  linearKeys,
  normKeys,
  pathKeys,
  tensorShape,
  toParameter,
  toTensor,
} from './weights/key-map.js';
export type { KeyEntry, KeyMap, UnusedTensors } from './weights/key-map.js';
export { loadWeights, readParams, readWeights } from './weights/load.js';
export type { LoadWeightsOptions, ReadWeightsOptions } from './weights/load.js';
export { matchesPattern } from './weights/pattern.js';
export { formatWeightReport } from './weights/report.js';
export type { WeightReport } from './weights/report.js';
export {
  assertLayerCounts,
  assertParamShapes,
  attentionShapes,
  inputEmbeddingShapes,
  layerShapes,
  layersShapes,
  linearShapes,
  normShapes,
} from './weights/shapes.js';
export type { ParamShapes, ShapeEntry } from './weights/shapes.js';
export {
  assertModelKind,
  assertVocabularyFits,
  parseSavedEncoder,
  SAVED_ENCODER_PREFIX,
  savedBertConfig,
  savedEncoderKeys,
} from './weights/saved-encoder.js';
export type { SavedEncoder } from './weights/saved-encoder.js';
export { assertSameSizes, modelOf, SizesError } from './weights/sizes.js';
export type { SizeDifference } from './weights/sizes.js';
export { countLayers, joinSources, shapeOf, weightsOf, withDerived, withoutPrefixes } from './weights/source.js';
export { findShape } from './weights/key-map.js';
export type { DerivedTensor, WeightInfo, WeightSource } from './weights/source.js';
