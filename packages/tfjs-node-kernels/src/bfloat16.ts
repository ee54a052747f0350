import { nodeBackend, type NodeBackend } from './binding.js';
import { narrow, product, widen, type Precision } from './kernels/matmul.js';
import { runHandles } from './run.js';

const SIZE = 768;
const ROUNDS = 5;

const speedups = new WeakMap<NodeBackend, number>();

/** How much faster TensorFlow multiplies matrices of bfloat16 than of float32 on this machine, conversion included. */
export function bfloat16Speedup(): number {
  const backend = nodeBackend();
  let speedup = speedups.get(backend);
  if (speedup === undefined) speedups.set(backend, (speedup = measure(backend)));
  return speedup;
}

/** The best of each, measured in turn, so that what else the machine does matters little. */
function measure(backend: NodeBackend): number {
  const matrix = runHandles(backend, 'y = Fill (shape, 0.5)', { shape: [SIZE, SIZE] }, ['y'])[0];
  const best = { fp32: Infinity, bf16: Infinity };
  for (let round = 0; round <= ROUNDS; round++) {
    for (const precision of ['fp32', 'bf16'] as const) {
      const seconds = time(() => multiply(backend, matrix, precision));
      if (round > 0) best[precision] = Math.min(best[precision], seconds);
    }
  }
  backend.binding.deleteTensor(matrix.id);
  return best.fp32 / best.bf16;
}

function multiply(backend: NodeBackend, matrix: Parameters<typeof runHandles>[2][string], precision: Precision): void {
  const lines = [narrow('n', 'x', precision), product('p', 'n', 'n'), widen('w', 'p'), 'y = L2Loss (w)'].join('\n');
  const [{ id }] = runHandles(backend, lines, { x: matrix }, ['y']);
  backend.binding.tensorDataSync(id); // waits for it
  backend.binding.deleteTensor(id);
}

function time(run: () => void): number {
  const start = performance.now();
  run();
  return performance.now() - start;
}
