import { availableParallelism, freemem, totalmem } from 'node:os';
import { automaticEngine, examineEngines, type EngineHealth, type EngineLoaders, type EngineName } from '@wbdc/engine';
import { videoBackends, type VideoBackend } from '@wbdc/video-features';
import { describeEnvironment } from './environment.js';

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
  loaders?: EngineLoaders,
  decoders: () => Promise<readonly VideoBackend[]> = videoBackends,
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
    tools: toolsOf(await decoders()),
  };
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
