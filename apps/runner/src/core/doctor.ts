import { availableParallelism, freemem, totalmem } from 'node:os';
import { automaticEngine, examineEngines, type EngineHealth, type EngineLoaders, type EngineName } from '@wbdc/engine';
import { examineVideoBackends, type VideoBackend, type VideoBackendHealth } from '@wbdc/video-features';
import { describeEnvironment } from './environment.js';

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
  readonly tools: readonly VideoBackendHealth[];
}

/** Loads every engine, lets it compute, and looks for the optional programs. */
export async function diagnose(
  threads = availableParallelism(),
  loaders?: EngineLoaders,
  decoders?: () => Promise<readonly VideoBackend[]>,
): Promise<Diagnosis> {
  const engines = await examineEngines(threads, loaders);
  const auto = automaticEngine(engines) ?? null;
  return {
    ok: auto !== null && auto !== 'cpu',
    auto,
    environment: describeEnvironment(),
    threads,
    memory: { total: totalmem(), free: freemem() },
    engines,
    tools: await examineVideoBackends(decoders),
  };
}
