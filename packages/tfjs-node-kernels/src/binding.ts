import * as tf from '@tensorflow/tfjs';
import type { Tensor, TensorInfo } from '@tensorflow/tfjs';
import { WbdcError } from '@wbdc/io/errors';
import type { DefineKernels, FusedKernel, KernelName } from '@wbdc/nn/kernels';

/** TensorFlow's numbers for the element types in use. */
export const DTYPE = { float32: 1, int32: 3, bfloat16: 14 } as const;
/** And for the kinds of its attributes. */
export const ATTRIBUTE = { string: 0, int: 1, float: 2, bool: 3, type: 4, shape: 5 } as const;

/** A tensor in TensorFlow, of a type that tfjs need not know. */
export interface Handle {
  readonly id: number;
  readonly shape: number[];
  readonly dtype: number;
}

export interface Attribute {
  readonly name: string;
  readonly type: number;
  readonly value: boolean | number | string | number[];
}

type Values = Float32Array | Int32Array | Uint8Array;

/** What is used of tfjs-node's native binding: operations of TensorFlow on handles. */
interface Binding {
  createTensor(shape: number[], dtype: number, values: Values): number;
  deleteTensor(id: number): void;
  tensorDataSync(id: number): Values;
  executeOp(name: string, attributes: readonly Attribute[], inputs: readonly number[], outputs: number): Handle[];
}

/** What tfjs-node keeps of a tensor: values that TensorFlow has not seen yet, or the number of a handle. */
interface Entry {
  id: number;
  values: Values | null;
}

/** What is used of tfjs-node's backend; not all of it is public in its typings. */
export interface NodeBackend {
  readonly binding: Binding;
  readonly tensorMap: { get(dataId: object): Entry };
  getInputTensorIds(tensors: readonly TensorInfo[]): number[];
  createOutputTensor(handle: Handle): Tensor;
}

/** What tfjs hands to a kernel. */
export interface Call {
  readonly backend: NodeBackend;
  readonly inputs: Record<string, TensorInfo>;
  readonly attrs: Record<string, unknown>;
}

export type NodeKernel = (call: Call) => Tensor | Tensor[];

/** A fused kernel of the contract with `@wbdc/nn` and `@wbdc/train`. */
export type Fused<Name extends KernelName> = FusedKernel<Name, NodeBackend, Tensor>;

export const defineKernels: DefineKernels<NodeBackend> = (kernels) => kernels;

/** The name under which tfjs-node registers its backend. */
export const BACKEND_NAME = 'tensorflow';

/** tfjs-node's backend, loaded before. */
export function nodeBackend(): NodeBackend {
  const backend: object | null = tf.findBackend(BACKEND_NAME);
  if (backend && 'binding' in backend && 'tensorMap' in backend && 'getInputTensorIds' in backend)
    return backend as NodeBackend;
  throw new WbdcError(
    `expected tfjs-node's backend '${BACKEND_NAME}', got none: ` +
      "import '@tensorflow/tfjs-node' or '@tensorflow/tfjs-node-gpu' first",
  );
}
