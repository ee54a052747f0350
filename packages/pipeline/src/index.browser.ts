export * from './index.js';
export { openTrained } from './trained/web/open.js';
export type { OpenTrainedOptions } from './trained/web/open.js';
export { finetuneInMemory } from './trained/web/finetune.js';
