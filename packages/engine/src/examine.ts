import * as tf from '@tensorflow/tfjs';
import type { AdapterReport } from '@wbdc/tfjs-backend-webgpu';
import { firstLine, type EngineLoaders, type EngineName } from './loader.js';
import { engineLoaders, onGpu } from './loaders.js';
import { automatic, ENGINE_NAMES, REMEDY } from './select.js';

/** One engine: what loads, or why it does not and what to do. */
export interface EngineHealth {
  readonly name: EngineName;
  readonly loads: boolean;
  /** What it is, or why it does not load. */
  readonly about: string;
  /** Of a product of two 512 x 512 matrices, in 1e9 operations a second. */
  readonly gflops?: number;
  /** It computes on a GPU, and none that the processor plays. */
  readonly gpu?: boolean;
  /** The GPU of `webgpu`: its features and limits. */
  readonly adapter?: AdapterReport;
  /** Of `ort`: whether ONNX Runtime's own WebGPU provider computes whole models here. */
  readonly webgpuProvider?: boolean;
  /** How much faster it multiplies in bfloat16; absent where it cannot. */
  readonly bf16Speedup?: number;
  readonly remedy?: string;
}

/**
 * Loads every engine, one after another, and lets it compute. The last one that loads stays tfjs's current one.
 * @param threads of those that compute on the processor
 */
export async function examineEngines(threads: number, loaders = engineLoaders): Promise<EngineHealth[]> {
  tf.enableProdMode();
  const engines: EngineHealth[] = [];
  for (const name of ENGINE_NAMES) engines.push(await examine(name, threads, loaders));
  return engines;
}

/** Which of them `auto` takes; none where nothing loads. */
export function automaticEngine(engines: readonly EngineHealth[]): EngineName | undefined {
  const loading = engines.filter(({ loads }) => loads);
  return automatic(new Map(loading.map(({ name, gpu = false }) => [name, { gpu }])));
}

async function examine(name: EngineName, threads: number, loaders: EngineLoaders): Promise<EngineHealth> {
  try {
    const about = await loaders[name]({ threads, precision: 'fp32' });
    const bf16 = tf.getBackend() === 'tensorflow' ? { bf16Speedup: await speedup() } : {};
    const gflops = speed();
    if (name === 'ort') return { name, loads: true, gflops, ...(await withProvider(about)) };
    return { name, loads: true, about, gflops, ...(await gpuOf(name)), ...bf16 };
  } catch (cause) {
    return { name, loads: false, about: firstLine(cause), remedy: REMEDY[name] };
  }
}

async function speedup(): Promise<number> {
  return (await import('@wbdc/tfjs-node-kernels')).bfloat16Speedup();
}

/** Of whole models on ONNX Runtime. */
async function withProvider(engine: string): Promise<Pick<EngineHealth, 'about' | 'webgpuProvider'>> {
  const { examineWebGpuProvider } = await import('@wbdc/tfjs-backend-ort');
  const { computes, about } = await examineWebGpuProvider();
  return { about: `${engine}; its provider webgpu, for whole models, ${about}`, webgpuProvider: computes };
}

async function gpuOf(name: EngineName): Promise<Pick<EngineHealth, 'gpu' | 'adapter'>> {
  if (tf.getBackend() !== 'webgpu') return name === 'tensorflow' ? { gpu: onGpu() } : {};
  const { findWebGpu } = await import('@wbdc/tfjs-backend-webgpu');
  const adapter = await findWebGpu();
  return { gpu: !adapter.fallback, adapter };
}

/** The better of two products, after one that warms up. */
function speed(size = 512): number {
  return tf.tidy(() => {
    const a = tf.fill([size, size], 0.5);
    const seconds = [0, 1, 2].map(() => {
      const start = performance.now();
      tf.matMul(a, a).dataSync();
      return (performance.now() - start) / 1000;
    });
    return (2 * size ** 3) / Math.min(...seconds.slice(1)) / 1e9;
  });
}
