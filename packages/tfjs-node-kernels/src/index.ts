export { bfloat16Speedup } from './bfloat16.js';
export type { Precision } from './kernels/matmul.js';
export { profileOperations, type OperationCost } from './profile.js';
export { Bfloat16Error, registerNodeKernels, type NodeKernelOptions } from './register.js';
