import * as tf from '@tensorflow/tfjs';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { completeWasmBackend } from '@wbdc/nn';
import { registerWebGpuBackend } from '@wbdc/tfjs-backend-webgpu';

/** What computes, the fastest first. */
export const ENGINES = ['webgpu', 'wasm', 'cpu'] as const;
export type Engine = (typeof ENGINES)[number];

/** That of the address, `?engine=wasm`, where it names one. */
export function wantedEngine(): Engine | undefined {
  const name = new URLSearchParams(location.search).get('engine');
  return ENGINES.find((engine) => engine === name);
}

/** Starts an engine: the one that is wanted, or the first that works; a GPU played by the processor only if wanted. */
export async function startEngine(wanted: Engine | undefined): Promise<Engine> {
  if (wanted !== undefined) return start(wanted, true);
  for (const engine of ENGINES.slice(0, -1)) {
    const started = await start(engine, false).catch(() => undefined);
    if (started !== undefined) return started;
  }
  return start('cpu', false);
}

async function start(engine: Engine, allowFallback: boolean): Promise<Engine> {
  if (engine === 'webgpu') await registerWebGpuBackend({ allowFallback });
  if (engine === 'wasm') {
    setWasmPaths(new URL('./', document.baseURI).href);
    completeWasmBackend();
  }
  if (await tf.setBackend(engine)) return engine;
  throw new Error(engine);
}
