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
export { bertConfigJson, bertShapes, parseBertConfig } from './weights/bert-config.js';
export { bertKeyMap } from './weights/bert-keys.js';
export type { BertKeyMapOptions } from './weights/bert-keys.js';
export { exportWeights } from './weights/export.js';
export type { ExportedTensor } from './weights/export.js';
export { joinKeyMaps, linearKeys, normKeys, tensorShape, toParameter, toTensor } from './weights/key-map.js';
export type { KeyEntry, KeyMap, UnusedTensors } from './weights/key-map.js';
export { loadWeights, readWeights } from './weights/load.js';
export type { LoadWeightsOptions } from './weights/load.js';
export { matchesPattern } from './weights/pattern.js';
export { formatWeightReport } from './weights/report.js';
export type { WeightReport } from './weights/report.js';
export { layerShapes, linearShapes, normShapes } from './weights/shapes.js';
export type { ShapeEntry } from './weights/shapes.js';
export { weightsOf } from './weights/source.js';
export type { WeightInfo, WeightSource } from './weights/source.js';
