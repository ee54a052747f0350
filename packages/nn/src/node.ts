export { fileError, readJson, syncFolder, writeFileAtomic } from './files.js';
export { openPytorch } from './pytorch/pytorch-file.js';
export type { PytorchFile } from './pytorch/pytorch-file.js';
export type { PytorchTensor } from './pytorch/state-dict.js';
export { openSafetensors, writeSafetensors } from './safetensors-file.js';
export type { SafetensorsFile, TensorSource } from './safetensors-file.js';
export type { WeightFile } from './shards.js';
export { loadBert, openWeights, readBertConfig, saveBert } from './weights-file.js';
export type { SaveBertOptions } from './weights-file.js';
