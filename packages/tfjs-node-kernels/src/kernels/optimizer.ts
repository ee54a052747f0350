import type { TensorInfo } from '@tensorflow/tfjs';
import { ATTRIBUTE, defineKernels, DTYPE, type Fused, type Handle, type NodeBackend } from '../binding.js';
import { runHandles, type Input } from '../run.js';

/**
 * p <- p kept - rate m' / (sqrt(v') + epsilon), m <- m' = beta1 m + (1 - beta1) s g, v <- v' = beta2 v + (1 - beta2)
 * s^2 g^2 with s = share1 / (1 - beta1), then e <- decay e + gain p where there is an e. All but the decays is
 * TensorFlow's own Adam, which goes through memory once.
 */
const adamW: Fused<'WbdcAdamW'> = ({ backend, inputs: { p, g, m, v, e }, attrs }) => {
  const { beta1, beta2, share1, epsilon, rate, kept, decay, gain } = attrs;
  const scale = share1 / (1 - beta1);
  const [excess1, excess2] = [excess(beta1), Math.sqrt(excess(beta2))];
  const numbers = { beta1, beta2, rate: (rate * excess2) / excess1, epsilon: epsilon * excess2 };
  if (kept !== 1) replace(backend, p, 'y = Mul (p, kept)', { p, kept });
  const adam = scale === 1 ? ADAM('g') : `s = Mul (g, scale)\n${ADAM('s')}`;
  inVariables(backend, [p, m, v], ([pv, mv, vv]) => {
    runHandles(backend, adam, { pv, mv, vv, g, scale, ...numbers }, []);
  });
  if (e) replace(backend, e, 'a = Mul (e, decay)\nb = Mul (p, gain)\ny = AddV2 (a, b)', { e, p, decay, gain });
  return [];
};

/** TensorFlow's float32 makes more of 1 - 0.999 than it is, and so of the moments: by a factor of 1.00005. */
const excess = (beta: number): number => Math.fround(1 - Math.fround(beta)) / (1 - beta);

/** The zeros stand for powers of beta1 and beta2: the rate has the correction of the bias. */
const ADAM = (gradient: string): string =>
  `ResourceApplyAdam (pv, mv, vv, 0, 0, rate, beta1, beta2, epsilon, ${gradient})`;

/** Puts the result y of a program in place of a tensor's values. */
function replace(backend: NodeBackend, tensor: TensorInfo, lines: string, inputs: Record<string, Input>): void {
  const [{ id }] = runHandles(backend, lines, inputs, ['y']);
  const entry = backend.tensorMap.get(tensor.dataId);
  backend.binding.deleteTensor(entry.id);
  entry.id = id;
}

/**
 * Has three variables of TensorFlow take over the memory of tensors while a function changes them. TensorFlow changes a
 * variable where it is if nothing else refers to its memory, and a copy of it otherwise.
 */
function inVariables(
  backend: NodeBackend,
  tensors: readonly TensorInfo[],
  change: (variables: readonly Handle[]) => void,
): void {
  const variables = variablesOf(backend);
  const entries = tensors.map(({ dataId }) => backend.tensorMap.get(dataId));
  tensors.forEach((tensor, i) => {
    runHandles(backend, 'AssignVariableOp (variable, tensor)', { variable: variables[i], tensor }, []);
    backend.binding.deleteTensor(entries[i].id);
  });
  try {
    change(variables);
  } finally {
    entries.forEach((entry, i) => {
      const lines = 'y = ReadVariableOp <dtype = float32> (variable)\nAssignVariableOp (variable, 0)';
      entry.id = runHandles(backend, lines, { variable: variables[i] }, ['y'])[0].id;
    });
  }
}

const variables = new WeakMap<NodeBackend, Handle[]>();

function variablesOf(backend: NodeBackend): Handle[] {
  let handles = variables.get(backend);
  if (!handles)
    variables.set(backend, (handles = ['parameter', 'first', 'second'].map((name) => newVariable(backend, name))));
  return handles;
}

function newVariable({ binding }: NodeBackend, name: string): Handle {
  const attributes = [
    { name: 'dtype', type: ATTRIBUTE.type, value: DTYPE.float32 },
    { name: 'shape', type: ATTRIBUTE.shape, value: [] },
    { name: 'shared_name', type: ATTRIBUTE.string, value: `wbdc-${name}` },
  ];
  return binding.executeOp('VarHandleOp', attributes, [], 1)[0];
}

/** Calls `receive` with the sum of squares of a tensor. */
const sumOfSquares: Fused<'WbdcSumOfSquares'> = ({ backend, inputs: { x }, attrs: { receive } }) => {
  const [{ id }] = runHandles(backend, 'y = L2Loss (x)', { x }, ['y']);
  const [half] = backend.binding.tensorDataSync(id);
  backend.binding.deleteTensor(id);
  receive(2 * half);
  return [];
};

export const optimizer = defineKernels({ WbdcAdamW: adamW, WbdcSumOfSquares: sumOfSquares });
