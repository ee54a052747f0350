export * from './index.js';
export { openTrained } from './trained/node/open.js';
export type { OpenTrainedOptions } from './trained/node/open.js';
export { finetuneInMemory } from './trained/node/finetune.js';
export type { OnnxOptions } from './trained/onnx.js';
