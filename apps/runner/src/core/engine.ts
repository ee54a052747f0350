import { createRequire } from 'node:module';
import util from 'node:util';
import * as tf from '@tensorflow/tfjs';
import { WbdcError } from '@wbdc/io/errors';
import { registerOrtBackend } from '@wbdc/tfjs-backend-ort';
import { describeAdapter, registerWebGpuBackend } from '@wbdc/tfjs-backend-webgpu';
import { Bfloat16Error, registerNodeKernels, type Precision } from '@wbdc/tfjs-node-kernels';
import { UserError } from './errors.js';

export type EngineName = 'tensorflow' | 'webgpu' | 'ort' | 'cpu';

export interface Engine {
  readonly name: EngineName;
  /** For people and for reports: 'ort (ONNX Runtime 1.30.0, 2 threads)'. */
  readonly about: string;
  /** Something the user should know before waiting for it. */
  readonly warning?: string;
}

/** How an engine is to compute. */
export interface EngineSettings {
  readonly threads: number;
  /** In what it multiplies matrices. */
  readonly precision: Precision;
  /** Only where it computes on a GPU, and none that the processor plays. */
  readonly gpuOnly?: boolean;
  /** Told once of each kernel that an engine serves badly. */
  readonly onFallback?: ((message: string) => void) | undefined;
}

/** Makes an engine tfjs's current one, and says what it is; throws where it cannot load, or not as asked. */
type EngineLoader = (settings: EngineSettings) => Promise<string>;
export type EngineLoaders = Readonly<Record<EngineName, EngineLoader>>;

/** What `auto` tries, one after another: GPUs first, CUDA before others. */
const ATTEMPTS: readonly { readonly name: EngineName; readonly gpuOnly: boolean }[] = [
  { name: 'tensorflow', gpuOnly: true },
  { name: 'webgpu', gpuOnly: true },
  { name: 'tensorflow', gpuOnly: false },
  { name: 'ort', gpuOnly: false },
  { name: 'cpu', gpuOnly: false },
];

export const ENGINE_NAMES: readonly EngineName[] = ['tensorflow', 'webgpu', 'ort', 'cpu'];

/** Which of the engines that load `auto` takes. */
export function automatic(loading: ReadonlyMap<EngineName, { readonly gpu: boolean }>): EngineName | undefined {
  return ATTEMPTS.find(({ name, gpuOnly }) => loading.get(name) && (!gpuOnly || loading.get(name)!.gpu))?.name;
}

/** What to do where an engine does not load. */
export const REMEDY: Readonly<Record<EngineName, string>> = {
  tensorflow:
    `give it its binary with 'npx nx run tools:install-tensorflow' (outside the repository: 'npm ` +
    `install @tensorflow/tfjs-node'), or use --engine ort`,
  ort:
    `check that onnxruntime-node 1.30.0 is installed ('npm ls onnxruntime-node') and that this platform has a ` +
    `build of it, or use --engine cpu`,
  webgpu:
    `npm install --save-exact webgpu@0.6.2 @tensorflow/tfjs-backend-webgpu@4.22.0, with a driver of the GPU for ` +
    `Vulkan, Metal or Direct3D 12; or use --engine ort`,
  cpu: 'reinstall @tensorflow/tfjs',
};

/** An engine that loads and cannot compute in the precision asked for. */
export class PrecisionError extends WbdcError {
  override readonly name = 'PrecisionError';
}

/**
 * Loads an engine and makes it tfjs's current one. `auto` takes tensorflow where it computes on a GPU, then webgpu
 * where there is a real one, then the first of tensorflow, ort and cpu that loads; all with the precision asked for.
 * @throws UserError with the reason and what to do where the engine asked for does not load
 */
export async function selectEngine(
  name: EngineName | 'auto',
  settings: EngineSettings,
  loaders: EngineLoaders = engineLoaders,
): Promise<Engine> {
  tf.enableProdMode(); // no banner about other packages: what is to be said about an engine is said here
  const failed = new Map<EngineName, string>();
  for (const attempt of name === 'auto' ? ATTEMPTS : [{ name, gpuOnly: false }]) {
    try {
      const about = await loaders[attempt.name]({ ...settings, gpuOnly: attempt.gpuOnly });
      return { name: attempt.name, about, ...warningFor(attempt.name, reasonsOf(failed)) };
    } catch (cause) {
      failed.set(attempt.name, firstLine(cause));
      if (name !== 'auto') throw new UserError(complaint(name, cause, settings), 1, { cause });
    }
  }
  const reasons = reasonsOf(failed);
  const what = settings.precision === 'fp32' ? 'no engine loads' : `no engine computes in ${settings.precision} here`;
  throw new UserError(`${what}:\n${reasons.map((reason) => `  ${reason}`).join('\n')}`);
}

function reasonsOf(failed: ReadonlyMap<EngineName, string>): string[] {
  return [...failed].map(([name, reason]) => `${name}: ${reason}`);
}

function complaint(name: EngineName, cause: unknown, { precision }: EngineSettings): string {
  if (!(cause instanceof PrecisionError)) {
    return `the engine '${name}' does not load: ${firstLine(cause)}; ${REMEDY[name]}`;
  }
  const other = name === 'tensorflow' ? '' : ', or --engine tensorflow where the processor has bfloat16';
  return `the engine '${name}' does not compute in ${precision}: ${firstLine(cause)}; use --precision fp32${other}`;
}

function warningFor(name: EngineName, reasons: readonly string[]): { warning?: string } {
  if (name !== 'cpu') return {};
  const why = reasons.length === 0 ? '' : `; the others do not load (${reasons.join('; ')})`;
  return {
    warning:
      `the engine 'cpu' is plain JavaScript, some hundred times slower than 'ort': good for checks, not ` +
      `for training${why}`,
  };
}

/** The first line of what was thrown. */
export function firstLine(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).split('\n')[0];
}

/** The engines of this installation. */
export const engineLoaders: EngineLoaders = {
  tensorflow: loadTensorflow,
  webgpu: async ({ precision, gpuOnly }) => {
    assertFp32(precision);
    const report = await registerWebGpuBackend({ allowFallback: !gpuOnly });
    await use('webgpu');
    return `webgpu (${describeAdapter(report)})`;
  },
  ort: async ({ threads, precision, onFallback }) => {
    assertFp32(precision);
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
  Object.assign(util, { isNullOrUndefined }); // tfjs-node 4.22 calls it; Node 23 took it away
  const specifier = await importTensorflow();
  if (gpuOnly && !onGpu()) throw new Error('it computes on the processor');
  addKernels(precision);
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

function addKernels(precision: Precision): void {
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
