import type { TensorInfo } from '@tensorflow/tfjs';
import type { DefineKernels, FusedKernel, KernelName } from '@wbdc/nn/kernels';
import { sizeOf } from '@wbdc/nn/plain';
import type { OrtBackend } from './backend.js';

/** What tfjs hands to a kernel. */
export interface Call {
  readonly backend: OrtBackend;
  readonly inputs: Record<string, TensorInfo>;
  readonly attrs: Record<string, unknown>;
}

/** A kernel, or undefined where these inputs are better served by the inherited one. */
export type NativeKernel = (call: Call) => TensorInfo | TensorInfo[] | undefined;

/** A fused kernel of the contract with `@wbdc/nn` and `@wbdc/train`. */
export type Fused<Name extends KernelName> = FusedKernel<Name, OrtBackend>;

export const defineKernels: DefineKernels<OrtBackend> = (kernels) => kernels;

/**
 * A call costs about 10 us more than the loop of a small inherited kernel, which takes 10 to 50 ns an element.
 */
export const SMALL = 512;

export function isFloat(...tensors: TensorInfo[]): boolean {
  return tensors.every(({ dtype }) => dtype === 'float32');
}

/** Whether a tensor has too few values for a session; empty ones ONNX Runtime need not see at all. */
export function isSmall(tensor: TensorInfo): boolean {
  return sizeOf(tensor.shape) < SMALL;
}

/** An int64 vector, the type of ONNX's shape inputs. */
export function longs(values: readonly number[]): BigInt64Array {
  return BigInt64Array.from(values, (value) => BigInt(value));
}
