import * as tf from '@tensorflow/tfjs';
import type { TensorInfo } from '@tensorflow/tfjs';
import { sizeOf } from './host.js';

const BACKEND = 'wasm';

/** What is used of tfjs's WebAssembly backend. */
interface WasmBackend {
  readSync(dataId: object): Float32Array | Int32Array;
  write(values: Float32Array, shape: readonly number[], dtype: 'float32'): object;
}

/**
 * Registers the one kernel that training needs and `@tensorflow/tfjs-backend-wasm` lacks: UnsortedSegmentSum, the
 * gradient of looking up embeddings. Call it once, with that backend imported.
 */
export function completeWasmBackend(): void {
  const name = tf.UnsortedSegmentSum;
  if (tf.getKernel(name, BACKEND)) return;
  tf.registerKernel({
    kernelName: name,
    backendName: BACKEND,
    kernelFunc: ({ backend, inputs: { x, segmentIds }, attrs }) =>
      unsortedSegmentSum(backend as WasmBackend, x!, segmentIds!, Number(attrs?.['numSegments'])),
  });
}

/** Rows are added in their order; those of a segment out of range are left out. */
function unsortedSegmentSum(
  backend: WasmBackend,
  x: TensorInfo,
  segmentIds: TensorInfo,
  numSegments: number,
): TensorInfo {
  const shape = [numSegments, ...x.shape.slice(segmentIds.shape.length)];
  const width = sizeOf(shape.slice(1));
  const values = backend.readSync(x.dataId);
  const sums = new Float32Array(numSegments * width);
  backend.readSync(segmentIds.dataId).forEach((segment, row) => {
    if (segment < 0 || segment >= numSegments) return;
    for (let i = 0; i < width; i++) sums[segment * width + i] += values[row * width + i];
  });
  return { dataId: backend.write(sums, shape, 'float32'), shape, dtype: 'float32' };
}
