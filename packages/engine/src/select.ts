import { availableParallelism } from 'node:os';
import * as tf from '@tensorflow/tfjs';
import { WbdcError } from '@wbdc/io/errors';
import { engineLoaders } from './loaders.js';
import { firstLine, PrecisionError, type EngineLoaders, type EngineName, type EngineSettings } from './loader.js';

/** What computes. */
export interface Engine {
  readonly name: EngineName;
  /** For people and for reports: 'ort (ONNX Runtime 1.30.0, 2 threads)'. */
  readonly about: string;
  /** Something the user should know before waiting for it. */
  readonly warning?: string;
}

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
    `install @tensorflow/tfjs-node'), or use engine 'ort'`,
  ort:
    `check that onnxruntime-node 1.30.0 is installed ('npm ls onnxruntime-node') and that this platform has a ` +
    `build of it, or use engine 'cpu'`,
  webgpu:
    `npm install --save-exact webgpu@0.6.2 @tensorflow/tfjs-backend-webgpu@4.22.0, with a driver of the GPU for ` +
    `Vulkan, Metal or Direct3D 12; or use engine 'ort'`,
  cpu: 'reinstall @tensorflow/tfjs',
};

/** No engine loads, or not the one asked for, or not in the precision asked for; its message says what to do. */
export class EngineError extends WbdcError {
  override readonly name = 'EngineError';
  override readonly code = 'engine';
}

/**
 * Loads an engine and makes it tfjs's current one. `auto` takes tensorflow where it computes on a GPU, then webgpu
 * where there is a real one, then the first of tensorflow, ort and cpu that loads; all with the precision asked for.
 * Default: all threads, float32.
 * @throws EngineError with the reason and what to do where the engine asked for does not load
 */
export async function selectEngine(
  name: EngineName | 'auto' = 'auto',
  options: Partial<EngineSettings> = {},
  loaders: EngineLoaders = engineLoaders,
): Promise<Engine> {
  const settings = { threads: availableParallelism(), precision: 'fp32' as const, ...options };
  tf.enableProdMode(); // no banner about other packages: what is to be said about an engine is said here
  const failed = new Map<EngineName, string>();
  for (const attempt of name === 'auto' ? ATTEMPTS : [{ name, gpuOnly: false }]) {
    try {
      const about = await loaders[attempt.name]({ ...settings, gpuOnly: attempt.gpuOnly });
      return { name: attempt.name, about, ...warningFor(attempt.name, reasonsOf(failed)) };
    } catch (cause) {
      failed.set(attempt.name, firstLine(cause));
      if (name !== 'auto') throw new EngineError(complaint(name, cause, settings), { cause });
    }
  }
  const reasons = reasonsOf(failed);
  const what = settings.precision === 'fp32' ? 'no engine loads' : `no engine computes in ${settings.precision} here`;
  throw new EngineError(`${what}:\n${reasons.map((reason) => `  ${reason}`).join('\n')}`);
}

function reasonsOf(failed: ReadonlyMap<EngineName, string>): string[] {
  return [...failed].map(([name, reason]) => `${name}: ${reason}`);
}

function complaint(name: EngineName, cause: unknown, { precision }: EngineSettings): string {
  if (!(cause instanceof PrecisionError)) {
    return `the engine '${name}' does not load: ${firstLine(cause)}; ${REMEDY[name]}`;
  }
  const [able, where] =
    precision === 'fp16' ? ['webgpu', 'on a GPU with shader-f16'] : ['tensorflow', 'where the processor has bfloat16'];
  const other = name === able ? '' : `, or use engine '${able}' ${where}`;
  return `the engine '${name}' does not compute in ${precision}: ${firstLine(cause)}; use precision 'fp32'${other}`;
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
