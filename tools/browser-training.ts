/** A page that trains: what a browser makes of the same few steps as Node, for tools/test/browser-training.test.ts. */
import * as tf from '@tensorflow/tfjs';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { completeWasmBackend } from '@wbdc/nn';
import { registerWebGpuBackend } from '@wbdc/tfjs-backend-webgpu';
import { trainSmall } from './small-training.js';

const page = globalThis as object as { readonly location: { readonly search: string }; told?: unknown };
const engine = new URLSearchParams(page.location.search).get('engine') ?? 'cpu';

async function run(): Promise<unknown> {
  if (engine === 'webgpu') await registerWebGpuBackend();
  if (engine === 'wasm') {
    setWasmPaths('/');
    completeWasmBackend();
  }
  if (!(await tf.setBackend(engine))) throw new Error(`no engine ${engine}`);
  return trainSmall(3);
}

page.told = await run().catch((error: unknown) => ({
  error: String((error as Error).stack ?? error).slice(0, 900),
}));
