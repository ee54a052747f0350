import * as tf from '@tensorflow/tfjs';
import { ORT_VERSION, OrtUnavailableError, registerOrtBackend } from '@wbdc/tfjs-backend-ort';
import { registerWebGpuBackend, WebGpuUnavailableError } from '@wbdc/tfjs-backend-webgpu';
import { Bfloat16Error, registerNodeKernels, type Precision } from '@wbdc/tfjs-node-kernels';
import { NotHere } from './peer.js';
import { loadDawn, NULL_DEVICE } from './plain-webgpu.js';

export type EngineName =
  | 'ort'
  | 'tensorflow'
  | 'tensorflow bf16'
  | 'tensorflow plain'
  | 'wasm'
  | 'webgpu'
  | 'webgpu fp16'
  | 'webgpu null'
  | 'webgpu plain null';

/** Makes an engine tfjs's current one and says what it is; throws NotHere where it does not load. */
export async function loadEngine(name: EngineName, threads: number): Promise<string> {
  tf.enableProdMode();
  const about = await LOADERS[name](threads);
  if (!(await tf.setBackend(name.split(' ')[0]))) throw new NotHere(`tfjs did not accept the engine '${name}'`);
  await tf.ready();
  return about;
}

const LOADERS: Readonly<Record<EngineName, (threads: number) => Promise<string>>> = {
  ort: loadOrt,
  tensorflow: (threads) => loadTensorflow(threads, 'fp32'),
  'tensorflow bf16': (threads) => loadTensorflow(threads, 'bf16'),
  'tensorflow plain': async (threads) => `${await importTensorflow(threads)}, ${threads} threads`,
  webgpu: () => loadWebGpu('fp32'),
  'webgpu fp16': () => loadWebGpu('fp16'),
  'webgpu null': () => loadWebGpu('fp32', NULL_DEVICE),
  'webgpu plain null': loadPlainWebGpu,
  wasm: async () => {
    await importAny(['@tensorflow/tfjs-backend-wasm']);
    return 'tfjs-backend-wasm, SIMD, 1 thread (it has no threads in Node)';
  },
};

async function loadOrt(threads: number): Promise<string> {
  try {
    registerOrtBackend({ threads });
  } catch (error) {
    if (error instanceof OrtUnavailableError) throw new NotHere(error.message);
    throw error;
  }
  return `ONNX Runtime ${ORT_VERSION}, ${threads} threads`;
}

async function loadTensorflow(threads: number, precision: Precision): Promise<string> {
  const specifier = await importTensorflow(threads);
  try {
    registerNodeKernels({ precision });
  } catch (error) {
    if (error instanceof Bfloat16Error) throw new NotHere(error.message);
    throw error;
  }
  return `${specifier}, ${threads} threads, products in ${precision}`;
}

async function loadWebGpu(precision: 'fp32' | 'fp16', dawn: readonly string[] = []): Promise<string> {
  try {
    const gpu = await registerWebGpuBackend({ precision, dawn });
    return `${gpu.description}, ${gpu.features.join(', ') || 'no features'}, products in ${precision}`;
  } catch (error) {
    if (error instanceof WebGpuUnavailableError) throw new NotHere(error.message);
    throw error;
  }
}

/** tfjs's own backend on Dawn's null device, with nothing of ours. */
async function loadPlainWebGpu(): Promise<string> {
  await loadDawn(NULL_DEVICE);
  return `${await importAny(['@tensorflow/tfjs-backend-webgpu'])} as it comes`;
}

function importTensorflow(threads: number): Promise<string> {
  process.env['TF_NUM_INTRAOP_THREADS'] = String(threads); // read once, when the library loads
  process.env['TF_NUM_INTEROP_THREADS'] = '1';
  process.env['TF_FORCE_GPU_ALLOW_GROWTH'] ??= 'true';
  return importAny(['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node']);
}

async function importAny(specifiers: readonly string[]): Promise<string> {
  const reasons: string[] = [];
  for (const specifier of specifiers) {
    try {
      await import(specifier);
      return specifier;
    } catch (error) {
      reasons.push(`${specifier}: ${(error instanceof Error ? error.message : String(error)).split('\n')[0]}`);
    }
  }
  throw new NotHere(reasons.join('; '));
}
