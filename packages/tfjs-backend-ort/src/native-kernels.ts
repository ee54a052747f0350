import type { NativeKernel } from './kernel.js';
import { attention } from './kernels/attention.js';
import { elementwise } from './kernels/elementwise.js';
import { fused } from './kernels/fused.js';
import { layout } from './kernels/layout.js';
import { lookup } from './kernels/lookup.js';
import { matmul } from './kernels/matmul.js';
import { optimizer } from './kernels/optimizer.js';
import { reductions } from './kernels/reduction.js';

const FUSED = { ...attention, ...fused, ...optimizer };

/** By tfjs kernel name, what runs on ONNX Runtime or in a loop of this package. */
export const NATIVE_KERNELS: Readonly<Record<string, NativeKernel>> = {
  ...elementwise,
  ...layout,
  ...lookup,
  ...matmul,
  ...reductions,
  // tfjs's registry knows no types of inputs and attributes.
  ...(FUSED as unknown as Record<string, NativeKernel>),
};
