import { createRequire } from 'node:module';
import util from 'node:util';
import * as tf from '@tensorflow/tfjs';
import { registerOrtBackend } from '@wbdc/tfjs-backend-ort';
import { UserError } from './errors.js';

export type EngineName = 'tensorflow' | 'ort' | 'cpu';

export interface Engine {
  readonly name: EngineName;
  /** For people and for reports: 'ort (ONNX Runtime 1.30.0, 2 threads)'. */
  readonly about: string;
  /** Something the user should know before waiting for it. */
  readonly warning?: string;
}

/** What is wrong with how an engine is used, once for each kernel. */
export type OnFallback = (message: string) => void;

/** Makes an engine tfjs's current one, and says what it is; throws where it cannot load. */
export type EngineLoader = (threads: number, onFallback?: OnFallback) => Promise<string>;
export type EngineLoaders = Readonly<Record<EngineName, EngineLoader>>;

/** In the order of `auto`. */
export const PREFERENCE: readonly EngineName[] = ['tensorflow', 'ort', 'cpu'];

/** What to do where an engine does not load. */
export const REMEDY: Readonly<Record<EngineName, string>> = {
  tensorflow: `give it its binary with 'npx nx run tools:install-tensorflow' (outside the repository: 'npm install @tensorflow/tfjs-node'), or use --engine ort`,
  ort: `check that onnxruntime-node 1.30.0 is installed ('npm ls onnxruntime-node') and that this platform has a build of it, or use --engine cpu`,
  cpu: 'reinstall @tensorflow/tfjs',
};

/**
 * Loads an engine and makes it tfjs's current one. `auto` takes the first that loads of tensorflow, ort and cpu.
 * @throws UserError with the reason and what to do where the engine asked for does not load
 */
export async function selectEngine(
  name: EngineName | 'auto',
  threads: number,
  loaders: EngineLoaders = engineLoaders,
  onFallback?: OnFallback,
): Promise<Engine> {
  tf.enableProdMode(); // no banner about other packages: what is to be said about an engine is said here
  const reasons: string[] = [];
  for (const candidate of name === 'auto' ? PREFERENCE : [name]) {
    try {
      const about = await loaders[candidate](threads, onFallback);
      return { name: candidate, about, ...warningFor(candidate, reasons) };
    } catch (cause) {
      reasons.push(`${candidate}: ${firstLine(cause)}`);
      if (name !== 'auto') {
        throw new UserError(`the engine '${name}' does not load: ${firstLine(cause)}; ${REMEDY[candidate]}`, 1, {
          cause,
        });
      }
    }
  }
  throw new UserError(`no engine loads:\n${reasons.map((reason) => `  ${reason}`).join('\n')}`);
}

function warningFor(name: EngineName, reasons: readonly string[]): { warning?: string } {
  if (name !== 'cpu') return {};
  const why = reasons.length === 0 ? '' : `; the others do not load (${reasons.join('; ')})`;
  return {
    warning: `the engine 'cpu' is plain JavaScript, some hundred times slower than 'ort': good for checks, not for training${why}`,
  };
}

/** The first line of what was thrown. */
export function firstLine(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).split('\n')[0];
}

/** The engines of this installation. */
export const engineLoaders: EngineLoaders = {
  tensorflow: loadTensorflow,
  ort: async (threads, onFallback) => {
    registerOrtBackend({ threads, ...(onFallback && { onFallback }) });
    await use('ort');
    return `ort (ONNX Runtime ${versionOf('onnxruntime-node')}, ${threads} ${threads === 1 ? 'thread' : 'threads'})`;
  },
  cpu: async () => {
    await use('cpu');
    return 'cpu (plain JavaScript, 1 thread)';
  },
};

async function loadTensorflow(threads: number): Promise<string> {
  process.env['TF_NUM_INTRAOP_THREADS'] ??= String(threads); // read once, when the library loads
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2'; // warnings and errors
  Object.assign(util, { isNullOrUndefined }); // tfjs-node 4.22 calls it; Node 23 took it away
  const reasons: string[] = [];
  for (const specifier of ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node']) {
    try {
      await import(specifier);
      await use('tensorflow');
      const shown = `${threads} ${threads === 1 ? 'thread' : 'threads'}`;
      return `tensorflow (${specifier} ${versionOf(specifier)}, TensorFlow ${libraryVersion()}, ${shown})`;
    } catch (cause) {
      reasons.push(`${specifier} ${whyNot(cause)}`);
    }
  }
  throw new Error(reasons.join('; '));
}

function isNullOrUndefined(value: unknown): boolean {
  return value === null || value === undefined;
}

function whyNot(cause: unknown): string {
  if (isMissing(cause)) return 'is not installed';
  const line = firstLine(cause);
  return line.includes('native addon module') ? 'has no binary' : `fails: ${line}`;
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
