export type { ProviderHealth } from './provider.js';
export { examineWebGpuProvider } from './provider.js';
export type { HostArray } from './backend.js';
export type { ArenaStatistics } from './arena.js';
export type { KernelCost } from './profile.js';
export {
  BACKEND_NAME,
  drainBuffers,
  hostValues,
  ortStatistics,
  profileKernels,
  registerOrtBackend,
  type OrtOptions,
  type OrtStatistics,
} from './register.js';
export { ORT_VERSION, OrtUnavailableError } from './runtime.js';
