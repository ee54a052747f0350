import * as tf from '@tensorflow/tfjs';
import { WbdcError } from '@wbdc/io/errors';
import { bfloat16Speedup } from './bfloat16.js';
import { BACKEND_NAME, defineKernels, nodeBackend, type Call, type NodeKernel } from './binding.js';
import { attentionKernels } from './kernels/attention.js';
import { fused } from './kernels/fused.js';
import { bfloat16MatMul, linearGrad, type Precision } from './kernels/matmul.js';
import { optimizer } from './kernels/optimizer.js';

export interface NodeKernelOptions {
  /** In what matrices are multiplied: float32, or bfloat16 where that is faster. Default `fp32`. */
  readonly precision?: Precision;
}

/** Less is not worth its rounding. */
const WORTHWHILE = 1.2;

/**
 * Adds kernels to tfjs-node's backend, which must be loaded. The last call decides on the precision.
 * @throws Bfloat16Error where bf16 is asked for and is no faster than float32
 */
export function registerNodeKernels({ precision = 'fp32' }: NodeKernelOptions = {}): void {
  nodeBackend();
  if (precision === 'bf16' && bfloat16Speedup() < WORTHWHILE) throw new Bfloat16Error(bfloat16Speedup());
  const linear = defineKernels({ WbdcLinearGrad: linearGrad(precision) });
  const kernels = { ...fused, ...optimizer, ...attentionKernels(precision), ...linear };
  for (const [name, kernel] of Object.entries(kernels)) register(name, kernel as unknown as tf.KernelFunc);
  plainMatMul ??= tf.getKernel(tf.BatchMatMul, BACKEND_NAME).kernelFunc;
  register(tf.BatchMatMul, precision === 'bf16' ? narrowing(bfloat16MatMul, plainMatMul) : plainMatMul);
}

/** tfjs-node's own. */
let plainMatMul: tf.KernelFunc | undefined;

function register(kernelName: string, kernelFunc: tf.KernelFunc): void {
  if (tf.getKernel(kernelName, BACKEND_NAME)) tf.unregisterKernel(kernelName, BACKEND_NAME);
  tf.registerKernel({ kernelName, backendName: BACKEND_NAME, kernelFunc });
}

/** A kernel for float32 alone, and what serves the rest. */
function narrowing(kernel: NodeKernel, rest: tf.KernelFunc): tf.KernelFunc {
  return (params) => {
    const call = params as unknown as Call;
    const { a, b } = call.inputs;
    return a.dtype === 'float32' && b.dtype === 'float32' ? kernel(call) : rest(params);
  };
}

/** Products in bfloat16 are no faster here than in float32. */
export class Bfloat16Error extends WbdcError {
  override readonly name = 'Bfloat16Error';

  constructor(readonly speedup: number) {
    super(
      'expected matrix products in bfloat16 to be faster than in float32 here, ' +
        `got ${speedup.toFixed(2)} x its speed: ` +
        'bf16 wants a processor with AVX512_BF16 or AMX, or a GPU, and a TensorFlow that uses them; take fp32',
    );
  }
}
