import { availableParallelism, freemem, totalmem } from 'node:os';
import * as tf from '@tensorflow/tfjs';
import { bfloat16Speedup } from '@wbdc/tfjs-node-kernels';
import { videoBackends, type VideoBackend } from '@wbdc/video-features';
import { findWebGpu, type AdapterReport } from '@wbdc/tfjs-backend-webgpu';
import { ENGINE_NAMES, REMEDY, automatic, engineLoaders, firstLine, onGpu } from './engine.js';
import type { EngineLoaders, EngineName } from './engine.js';
import { describeEnvironment } from './environment.js';

/** One engine: what loads, or why it does not and what to do. */
interface EngineHealth {
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
  /** How much faster it multiplies in bfloat16; absent where it cannot. */
  readonly bf16Speedup?: number;
  readonly remedy?: string;
}

interface ToolHealth {
  readonly name: VideoBackend;
  readonly found: boolean;
  readonly about: string;
  readonly remedy?: string;
}

export interface Diagnosis {
  /** An engine that can train is here. */
  readonly ok: boolean;
  /** What `--engine auto` takes. */
  readonly auto: EngineName | null;
  readonly environment: Readonly<Record<string, string>>;
  readonly threads: number;
  /** In bytes. */
  readonly memory: { readonly total: number; readonly free: number };
  readonly engines: readonly EngineHealth[];
  readonly tools: readonly ToolHealth[];
}

/** Loads every engine, lets it compute, and looks for the optional programs. */
export async function diagnose(
  threads = availableParallelism(),
  loaders: EngineLoaders = engineLoaders,
  decoders: () => Promise<readonly VideoBackend[]> = videoBackends,
): Promise<Diagnosis> {
  tf.enableProdMode();
  const engines: EngineHealth[] = [];
  for (const name of ENGINE_NAMES) engines.push(await examine(name, threads, loaders));
  const loading = engines.filter(({ loads }) => loads).map(({ name, gpu = false }) => [name, { gpu }] as const);
  const auto = automatic(new Map(loading)) ?? null;
  return {
    ok: auto !== null && auto !== 'cpu',
    auto,
    environment: describeEnvironment(),
    threads,
    memory: { total: totalmem(), free: freemem() },
    engines,
    tools: toolsOf(await decoders()),
  };
}

async function examine(name: EngineName, threads: number, loaders: EngineLoaders): Promise<EngineHealth> {
  try {
    const about = await loaders[name]({ threads, precision: 'fp32' });
    const bf16 = tf.getBackend() === 'tensorflow' ? { bf16Speedup: bfloat16Speedup() } : {};
    return { name, loads: true, about, gflops: speed(), ...(await gpuOf(name)), ...bf16 };
  } catch (cause) {
    return { name, loads: false, about: firstLine(cause), remedy: REMEDY[name] };
  }
}

async function gpuOf(name: EngineName): Promise<Pick<EngineHealth, 'gpu' | 'adapter'>> {
  if (tf.getBackend() !== 'webgpu') return name === 'tensorflow' ? { gpu: onGpu() } : {};
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

function toolsOf(found: readonly VideoBackend[]): ToolHealth[] {
  const tool = (name: VideoBackend, remedy: string): ToolHealth =>
    found.includes(name)
      ? { name, found: true, about: 'decodes video files' }
      : { name, found: false, about: 'not found; only video files need it, or the other', remedy };
  return [
    tool('mediabunny', `'npm install mediabunny @mediabunny/server'`),
    tool('ffmpeg', 'install ffmpeg, so that ffmpeg and ffprobe are on the PATH'),
  ];
}
