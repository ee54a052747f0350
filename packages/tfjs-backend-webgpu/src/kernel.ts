import type { TensorInfo } from '@tensorflow/tfjs';
import type { DefineKernels, FusedKernel, KernelName } from '@wbdc/nn/kernels';
import type { WebGpuBackend } from './backend.js';
import type { Groups, Operand } from './commands.js';
import type { KernelSource } from './kernel-source.js';

/** What tfjs hands to a kernel. */
export interface Call {
  readonly backend: WebGpuBackend;
  readonly inputs: Record<string, TensorInfo>;
  readonly attrs: Record<string, unknown>;
}

export type WebGpuKernel = (call: Call) => TensorInfo | TensorInfo[];

/** A fused kernel of the contract with `@wbdc/nn` and `@wbdc/train`. */
export type Fused<Name extends KernelName> = FusedKernel<Name, WebGpuBackend>;

export const defineKernels: DefineKernels<WebGpuBackend> = (kernels) => kernels;

/** Runs a source on tensors, and on regions that are no tensors. */
export function dispatch(
  backend: WebGpuBackend,
  source: KernelSource,
  operands: Readonly<Record<string, Operand>>,
  params: Readonly<Record<string, number>>,
  groups: Groups,
): void {
  backend.commands.run(source, operands, params, groups);
}
