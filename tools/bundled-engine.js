/** The engine is part of the bundle; it asks for a GPU only when it is called. */
export { findWebGpu as findBackend } from '@wbdc/tfjs-backend-webgpu';
