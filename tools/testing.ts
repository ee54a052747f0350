import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import util from 'node:util';
import * as tf from '@tensorflow/tfjs';
import { metricSums, metricValues, type LossResult, type MetricSum } from '@wbdc/nn';
import { registerOrtBackend } from '@wbdc/tfjs-backend-ort';
import { registerWebGpuBackend } from '@wbdc/tfjs-backend-webgpu';
import { registerNodeKernels } from '@wbdc/tfjs-node-kernels';
import { expect } from 'vitest';

/** The package of libtensorflow that has its binary (tools/install-tensorflow), if any. */
const TENSORFLOW = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'].find(hasBinary);

/** What the GPU of the engine 'webgpu' is called here; none where tools/test-gpu.mjs found none, and said why. */
export const WEBGPU: string | undefined = process.env['WBDC_TEST_GPU'] || undefined;

const WANTED = process.env['WBDC_TEST_ENGINES']?.split(',');

/** Engines on which values and gradients are checked; of these those that WBDC_TEST_ENGINES names, where it is set. */
export const ENGINES: readonly string[] = [
  'cpu',
  'ort',
  ...(TENSORFLOW ? ['tensorflow'] : []),
  ...(WEBGPU ? ['webgpu'] : []),
].filter((engine) => WANTED?.includes(engine) ?? true);

export async function useEngine(name: string): Promise<void> {
  registerOrtBackend();
  if (name === 'tensorflow') await loadTensorflow();
  if (name === 'webgpu') await registerWebGpuBackend();
  if (!(await tf.setBackend(name))) throw new Error(`expected the engine '${name}' to load`);
}

function hasBinary(specifier: string): boolean {
  try {
    const folder = dirname(createRequire(import.meta.url).resolve(`${specifier}/package.json`));
    return readdirSync(`${folder}/lib`).some((name) => existsSync(`${folder}/lib/${name}/tfjs_binding.node`));
  } catch {
    return false; // an optional dependency, or one without its binary
  }
}

/** Registers the engine, once: importing the package does it. */
async function loadTensorflow(): Promise<void> {
  if (TENSORFLOW === undefined)
    throw new Error('expected a binary of tfjs-node, got none: run tools:install-tensorflow');
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2';
  // Gone in Node 23.
  Object.assign(util, { isNullOrUndefined: (value: unknown) => value === null || value === undefined });
  await import(TENSORFLOW);
  registerNodeKernels();
}

/** `scale * sin(0.7 i + phase)`: the values that tools/parity/common.py makes too. */
export function wave(count: number, phase: number, scale = 0.3, offset = 0): Float32Array<ArrayBuffer> {
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) values[i] = Math.fround(scale * Math.sin(i * 0.7 + phase)) + offset;
  return values;
}

/** Gives parameter k of a tree the values wave(phase k), around 1 for the scales of normalisations. */
export function fillWithWaves(params: readonly { path: string; leaf: tf.Tensor }[]): void {
  params.forEach(({ path, leaf }, k) => {
    const values = wave(leaf.size, k, 0.3, path.endsWith('gamma') ? 1 : 0);
    tf.tidy(() => (leaf as tf.Variable).assign(tf.tensor(values, leaf.shape)));
  });
}

/** Largest difference between two lists of numbers of the same length. */
export function distance(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(actual[i] - expected[i]);
    if (!(difference <= largest)) largest = difference;
  }
  return largest;
}

/** A loss's metrics, read at once. */
export function readMetricsNow(metrics: LossResult['metrics']): Record<string, MetricSum> {
  const values = metricValues(metrics).map((value) => (typeof value === 'number' ? value : value.dataSync()[0]));
  return metricSums(metrics, values);
}
