import { createRequire } from 'node:module';
import util from 'node:util';
import * as tf from '@tensorflow/tfjs';
import {
  firstLine,
  PrecisionError,
  type EngineLoaders,
  type EngineName,
  type EngineSettings,
  type Precision,
} from './loader.js';

/** The engines of this installation. Each is imported when it is asked for: a command waits for one, not for all. */
export const engineLoaders: EngineLoaders = {
  tensorflow: loadTensorflow,
  webgpu: async ({ precision, gpuOnly }) => {
    if (precision === 'bf16') throw new PrecisionError('it multiplies in float32 or float16');
    const { describeAdapter, registerWebGpuBackend } = await import('@wbdc/tfjs-backend-webgpu');
    const report = await registerWebGpuBackend({ precision, allowFallback: !gpuOnly });
    await use('webgpu');
    return `webgpu (${describeAdapter(report)}${precision === 'fp32' ? '' : `, ${precision}`})`;
  },
  ort: async ({ threads, precision, onFallback }) => {
    assertFp32(precision);
    const { registerOrtBackend } = await import('@wbdc/tfjs-backend-ort');
    registerOrtBackend({ threads, ...(onFallback && { onFallback }) });
    await use('ort');
    return `ort (ONNX Runtime ${versionOf('onnxruntime-node')}, ${threads} ${threads === 1 ? 'thread' : 'threads'})`;
  },
  cpu: async ({ precision }) => {
    assertFp32(precision);
    await use('cpu');
    return 'cpu (plain JavaScript, 1 thread)';
  },
};

function assertFp32(precision: Precision): void {
  if (precision !== 'fp32') throw new PrecisionError('it multiplies in float32 only');
}

async function loadTensorflow({ threads, precision, gpuOnly }: EngineSettings): Promise<string> {
  process.env['TF_NUM_INTRAOP_THREADS'] ??= String(threads); // read once, when the library loads
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2'; // warnings and errors
  process.env['TF_FORCE_GPU_ALLOW_GROWTH'] ??= 'true'; // else it takes all memory of the GPU at once
  Object.assign(util, { isNullOrUndefined }); // tfjs-node 4.22 calls it; Node 23 took it away
  const specifier = await importTensorflow();
  if (gpuOnly && !onGpu()) throw new Error('it computes on the processor');
  await addKernels(precision);
  const shown = `${threads} ${threads === 1 ? 'thread' : 'threads'}${precision === 'fp32' ? '' : `, ${precision}`}`;
  return `tensorflow (${specifier} ${versionOf(specifier)}, TensorFlow ${libraryVersion()}, ${shown})`;
}

/** Loads the one of the two packages that has its binary; gives its name. */
async function importTensorflow(): Promise<string> {
  const reasons: string[] = [];
  for (const specifier of ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node']) {
    try {
      await import(specifier);
      await use('tensorflow');
      return specifier;
    } catch (cause) {
      reasons.push(`${specifier} ${whyNot(cause)}`);
    }
  }
  throw new Error(reasons.join('; '));
}

async function addKernels(precision: Precision): Promise<void> {
  if (precision === 'fp16') throw new PrecisionError('it multiplies in float32 or bfloat16');
  const { Bfloat16Error, registerNodeKernels } = await import('@wbdc/tfjs-node-kernels');
  try {
    registerNodeKernels({ precision });
  } catch (cause) {
    if (cause instanceof Bfloat16Error) throw new PrecisionError(cause.message, { cause });
    throw cause;
  }
}

function isNullOrUndefined(value: unknown): boolean {
  return value === null || value === undefined;
}

function whyNot(cause: unknown): string {
  if (isMissing(cause)) return 'is not installed';
  const line = firstLine(cause);
  return line.includes('native addon module') ? 'has no binary' : `fails: ${line}`;
}

/** Whether the current engine computes on a GPU. */
export function onGpu(): boolean {
  const { isUsingGpuDevice } = tf.backend() as { isUsingGpuDevice?: boolean };
  return isUsingGpuDevice === true;
}

/** The C library's own version: it need not be that of the npm package. */
function libraryVersion(): string {
  const { binding } = tf.backend() as { binding?: { TF_Version?: string } };
  return binding?.TF_Version ?? '?';
}

function isMissing(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === 'ERR_MODULE_NOT_FOUND';
}

async function use(backend: EngineName): Promise<void> {
  if (!(await tf.setBackend(backend))) throw new Error(`tfjs did not accept the backend '${backend}'`);
  await tf.ready();
}

function versionOf(specifier: string): string {
  try {
    const manifest: unknown = createRequire(import.meta.url)(`${specifier}/package.json`);
    return typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : '?';
  } catch {
    return '?';
  }
}
