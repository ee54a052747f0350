export { fileError, syncFolder, writeFileAtomic } from './files.js';
export { openSafetensors, writeSafetensors } from './safetensors-file.js';
export type { SafetensorsFile, TensorSource } from './safetensors-file.js';
