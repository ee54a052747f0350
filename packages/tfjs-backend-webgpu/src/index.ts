export type { AdapterLimits, AdapterOptions, AdapterReport } from './adapter.js';
export type { Precision } from './backend.js';
export { DAWN_VERSION, TFJS_WEBGPU_VERSION } from './dawn.js';
export { WebGpuError, WebGpuLostError, WebGpuMemoryError, WebGpuUnavailableError } from './errors.js';
export type { PoolStatistics } from './pool.js';
export type { GpuKernelCost } from './profiler.js';
export {
  BACKEND_NAME,
  drainGpuMemory,
  describeAdapter,
  findWebGpu,
  profileGpuKernels,
  registerWebGpuBackend,
  webGpuStatistics,
  type WebGpuOptions,
  type WebGpuStatistics,
} from './register.js';
