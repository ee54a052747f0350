import * as tf from '@tensorflow/tfjs';
import { WbdcError } from '@wbdc/io/errors';
import {
  assertGpuFile,
  findAdapter,
  newDevice,
  reportOf,
  subgroupMatrixOf,
  type AdapterOptions,
  type AdapterReport,
} from './adapter.js';
import type { Precision, WebGpuBackend } from './backend.js';
import { messageOf, WebGpuUnavailableError } from './errors.js';
import type { WebGpuKernel } from './kernel.js';
import { add, pad, slice, sum } from './kernels/axes.js';
import { attentionKernels } from './kernels/attention.js';
import { dropoutKernels } from './kernels/dropout.js';
import { gatherKernels } from './kernels/gather.js';
import { geluKernels } from './kernels/gelu.js';
import { layerNormKernels } from './kernels/layer-norm.js';
import { layerKernels } from './kernels/layer.js';
import { lossKernels } from './kernels/losses.js';
import { linearKernels, matMul } from './kernels/matmul.js';
import { optimizerKernels } from './kernels/optimizer.js';
import { addN, unsortedSegmentSum } from './kernels/repairs.js';
import { softmaxKernels } from './kernels/softmax.js';
import type { PoolStatistics } from './pool.js';
import { Profiler, type GpuKernelCost } from './profiler.js';

export const BACKEND_NAME = 'webgpu';

export interface WebGpuOptions extends AdapterOptions {
  /** In what matrices are multiplied: float32, or float16 with sums in float32. Default `fp32`. */
  readonly precision?: Precision;
  /** What may be allocated while something is free, in bytes; by default half above the most ever in use. */
  readonly poolBytes?: number;
  /** Also a program that plays a GPU on the processor. Default true: whoever asks for it gets it. */
  readonly allowFallback?: boolean;
}

/** Of the backend that is registered. */
let registered: { readonly report: AdapterReport; readonly backend: WebGpuBackend } | undefined;

/**
 * Finds a GPU and registers the tfjs backend 'webgpu' on it; afterwards `await tf.setBackend('webgpu')`. In Node it
 * takes npm's `webgpu`, in a browser what `navigator.gpu` is. Only the first call in a process counts, until the device
 * is lost.
 * @throws WebGpuUnavailableError where there is no GPU, or a package is missing or of another version
 */
export async function registerWebGpuBackend(options: WebGpuOptions = {}): Promise<AdapterReport> {
  const { allowFallback = true } = options;
  if (registered) {
    assertAllowed(registered.report, allowFallback);
    return registered.report;
  }
  if (!allowFallback) assertGpuFile();
  const { adapter, dawn } = await findAdapter(options);
  const report = reportOf(adapter);
  assertAllowed(report, allowFallback);
  assertPrecision(options.precision, report);
  const device = await newDevice(adapter);
  const { Backend } = await importBackend();
  if (tf.findBackendFactory(BACKEND_NAME)) tf.removeBackend(BACKEND_NAME); // tfjs's own, on a device of its own
  const { precision, poolBytes } = options;
  const { info } = adapter as unknown as { info: unknown };
  const backend: WebGpuBackend = new Backend(device, info, {
    ...(precision && { precision }),
    subgroupMatrix: subgroupMatrixOf(adapter),
    ...(poolBytes !== undefined && { poolBytes }),
    ...(dawn && { pump: dawn.pump }),
  });
  registerKernels();
  tf.env().set('WEBGPU_CPU_FORWARD', true);
  tf.registerBackend(BACKEND_NAME, () => backend as unknown as tf.KernelBackend, 3);
  const own = (registered = { report, backend });
  void device.lost.then(() => {
    if (registered === own) registered = undefined; // the next call takes a new device
  });
  return report;
}

/** What a GPU here would be, without taking it. */
export async function findWebGpu(options: AdapterOptions = {}): Promise<AdapterReport> {
  return registered?.report ?? reportOf((await findAdapter(options)).adapter);
}

function assertAllowed({ fallback, description }: AdapterReport, allowFallback: boolean): void {
  if (!fallback || allowFallback) return;
  throw new WebGpuUnavailableError(`expected a GPU, got only one played by the processor (${description})`);
}

function assertPrecision(precision: Precision | undefined, { features, description }: AdapterReport): void {
  if (precision !== 'fp16' || features.includes('shader-f16')) return;
  throw new WebGpuUnavailableError(
    `fp16 takes a GPU with the feature shader-f16, which ${description} lacks; use fp32 here`,
  );
}

/** A module of its own, for tfjs's part is an optional package. */
async function importBackend(): Promise<typeof import('./gpu-backend.js')> {
  try {
    return await import('./gpu-backend.js');
  } catch (cause) {
    throw new WebGpuUnavailableError(`@tensorflow/tfjs-backend-webgpu does not load: ${messageOf(cause)}`, { cause });
  }
}

const FUSED = {
  ...geluKernels,
  ...layerNormKernels,
  ...softmaxKernels,
  ...dropoutKernels,
  ...attentionKernels,
  ...linearKernels,
  ...layerKernels,
  ...lossKernels,
  ...gatherKernels,
  ...optimizerKernels,
};

/** tfjs's own kernels that have other ones here. */
const REPLACED: Readonly<Record<string, (own: WebGpuKernel) => WebGpuKernel>> = {
  [tf.Add]: add,
  [tf.AddN]: addN,
  [tf.BatchMatMul]: matMul,
  [tf._FusedMatMul]: matMul,
  [tf.PadV2]: pad,
  [tf.Slice]: slice,
  [tf.Sum]: sum,
  [tf.UnsortedSegmentSum]: () => unsortedSegmentSum,
};

let kernelsThere = false;

function registerKernels(): void {
  if (kernelsThere) return; // they are for whichever device is tfjs's
  kernelsThere = true;
  for (const [kernelName, kernel] of Object.entries(FUSED)) register(kernelName, kernel as unknown as WebGpuKernel);
  for (const [kernelName, around] of Object.entries(REPLACED)) {
    const own = tf.getKernel(kernelName, BACKEND_NAME).kernelFunc as unknown as WebGpuKernel;
    tf.unregisterKernel(kernelName, BACKEND_NAME);
    register(kernelName, around(own));
  }
}

// tfjs's registry has no types: kernels are held to the contract where they state themselves.
function register(kernelName: string, kernel: WebGpuKernel): void {
  tf.registerKernel({ kernelName, backendName: BACKEND_NAME, kernelFunc: kernel as unknown as tf.KernelFunc });
}

export interface WebGpuStatistics {
  readonly pool: PoolStatistics;
  /** Compute dispatches so far. */
  readonly dispatches: number;
  /** What was made for them so far: in the long run a step makes none. */
  readonly bindGroups: number;
}

/** Device memory, and commands so far. */
export function webGpuStatistics(): WebGpuStatistics {
  const { pool, commands } = current();
  return { pool: pool.statistics(), dispatches: commands.dispatches, bindGroups: commands.bindGroups };
}

/**
 * What the kernels of `run` cost the GPU, the dearest first, by the GPU's own clock. Each dispatch becomes a pass of
 * its own meanwhile, so that all of them together take longer than without.
 * @throws WbdcError on a GPU without the feature timestamp-query
 */
export async function profileGpuKernels<T>(run: () => Promise<T>): Promise<{ result: T; kernels: GpuKernelCost[] }> {
  const { commands, device } = current();
  commands.submit();
  const profiler = new Profiler(device);
  commands.profiler = profiler;
  try {
    const result = await run();
    commands.submit();
    return { result, kernels: await profiler.costs() };
  } finally {
    commands.profiler = undefined;
  }
}

/** Frees the memory kept for reuse and says how many bytes that were; for after training, or between models. */
export function drainGpuMemory(): number {
  const { pool, commands } = current();
  const bytes = pool.drain();
  commands.submit();
  pool.submitted();
  return bytes;
}

function current(): WebGpuBackend {
  if (registered) return registered.backend;
  throw new WbdcError("expected the engine 'webgpu'; call registerWebGpuBackend() first");
}

/** For people: the GPU, and what of it the kernels could use and do not find. */
export function describeAdapter({ description, fallback, missing, limits }: AdapterReport): string {
  return [
    fallback ? `${description}, played by the processor: for checks, not for training` : description,
    `${Math.round(limits.maxStorageBufferBindingSize / 2 ** 20)} MiB in one piece`,
    ...(missing.length > 0 ? [`without ${missing.join(', ')}`] : []),
  ].join(', ');
}
