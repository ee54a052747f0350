import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import * as tf from '@tensorflow/tfjs';
import type { TensorInfo } from '@tensorflow/tfjs';
import { WbdcError } from '@wbdc/io/errors';
import { sizeOf } from '@wbdc/nn/plain';
import { OrtBackend, type HostArray } from './backend.js';
import { loadAliases } from './in-place/aliases.js';
import { Homes } from './in-place/homes.js';
import type { Call, NativeKernel } from './kernel.js';
import { NATIVE_KERNELS } from './native-kernels.js';
import type { ArenaStatistics } from './arena.js';
import type { KernelCost } from './profile.js';
import { loadRuntime } from './runtime.js';

export const BACKEND_NAME = 'ort';

export interface OrtOptions {
  /** Threads of one operation; by default one per physical core, 16 at most. */
  readonly threads?: number;
  /** How much free memory to keep for reuse, in bytes; by default half of the machine's. */
  readonly poolBytes?: number;
  /** Called once for each kernel that has to work through a large tensor in plain JavaScript. */
  readonly onFallback?: (message: string) => void;
}

/**
 * Registers the tfjs backend 'ort'; afterwards `await tf.setBackend('ort')`. Only the first call in a process counts.
 * @throws OrtUnavailableError where onnxruntime-node is missing, of another version, or has no binary
 */
export function registerOrtBackend(options: OrtOptions = {}): void {
  if (tf.engine().registryFactory[BACKEND_NAME]) return;
  const threads = options.threads ?? defaultThreads();
  const createSession = loadRuntime(threads);
  const poolBytes = options.poolBytes ?? totalmem() / 2;
  registerKernels(options.onFallback);
  const aliases = loadAliases();
  const homes = aliases && new Homes(aliases, threads);
  tf.registerBackend(BACKEND_NAME, () => new OrtBackend(createSession, poolBytes, homes), 3);
}

const MOST_THREADS = 16;

/**
 * Each session has threads of its own: more would only be many. ONNX Runtime's own default would pin them to cores,
 * whoever else runs there.
 */
function defaultThreads(): number {
  const twoPerCore = existsSync(SMT) && readFileSync(SMT, 'utf8').trim() === '1';
  return Math.max(1, Math.min(MOST_THREADS, Math.floor(availableParallelism() / (twoPerCore ? 2 : 1))));
}

/** Linux's word on whether two logical processors share a core. */
const SMT = '/sys/devices/system/cpu/smt/active';

function registerKernels(onFallback: OrtOptions['onFallback']): void {
  const inherited = new Map(tf.getKernelsForBackend('cpu').map((config) => [config.kernelName, config.kernelFunc]));
  for (const kernelName of new Set([...inherited.keys(), ...Object.keys(NATIVE_KERNELS)])) {
    const kernelFunc = dispatch(kernelName, NATIVE_KERNELS[kernelName], inherited.get(kernelName), onFallback);
    tf.registerKernel({ kernelName, backendName: BACKEND_NAME, kernelFunc });
  }
}

function dispatch(
  name: string,
  native: NativeKernel | undefined,
  inherited: tf.KernelFunc | undefined,
  onFallback: OrtOptions['onFallback'],
): tf.KernelFunc {
  let reported = FREE.has(name);
  return (params) => {
    const call = params as unknown as Call;
    const { profile } = call.backend;
    const start = profile.on ? performance.now() : 0;
    const result = native?.(call);
    const output = result ?? inherited?.(params);
    if (profile.on) profile.add(name, result !== undefined, performance.now() - start);
    if (output === undefined) throw new WbdcError(`the engine 'ort' cannot run '${name}' on ${shapesOf(call)}`);
    if (result === undefined && onFallback && !reported && isLarge(call)) {
      reported = true;
      onFallback(`ort: ${name} on ${shapesOf(call)} ran in plain JavaScript, not on ONNX Runtime`);
    }
    return output;
  };
}

/** Kernels that only give the same values another shape. */
const FREE = new Set(['Identity', 'Reshape', 'ExpandDims', 'Complex', 'Real', 'Imag']);
const LARGE = 1 << 14;

function isLarge({ inputs }: Call): boolean {
  return Object.values(inputs).some((tensor) => tensor && sizeOf(tensor.shape) >= LARGE);
}

function shapesOf({ inputs }: Call): string {
  return Object.entries(inputs)
    .filter(([, tensor]) => tensor)
    .map(([name, { dtype, shape }]) => `${name} ${dtype} [${shape.join(', ')}]`)
    .join(', ');
}

export interface OrtStatistics {
  /** Compiled graphs. */
  readonly sessions: number;
  readonly pool: ArenaStatistics;
}

/** Memory kept for reuse, and graphs compiled so far. */
export function ortStatistics(): OrtStatistics {
  return backend().statistics();
}

/** Frees the memory kept for reuse and says how many bytes that were; for after training, or between models. */
export function drainBuffers(): number {
  return backend().drain();
}

/** Runs a function and says what each tfjs kernel cost in it. */
export function profileKernels<T>(f: () => T): { result: T; kernels: KernelCost[] } {
  const { profile } = backend();
  profile.start();
  try {
    return { result: f(), kernels: profile.stop() };
  } finally {
    profile.stop();
  }
}

/**
 * The live values of a tensor of this engine, without a copy: read them before the tensor is disposed, do not keep
 * them. `tensor.dataSync()` gives a copy that stays.
 */
export function hostValues(tensor: TensorInfo): HostArray {
  return backend().values(tensor);
}

function backend(): OrtBackend {
  const registered = tf.findBackend(BACKEND_NAME);
  if (!(registered instanceof OrtBackend))
    throw new WbdcError(`expected the engine 'ort'; call registerOrtBackend() first`);
  return registered;
}
