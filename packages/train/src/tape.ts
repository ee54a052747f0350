import * as tf from '@tensorflow/tfjs';
import type { Tensor } from '@tensorflow/tfjs';
import type { Param } from '@wbdc/nn';

/** Engines whose values are there when an operation returns: reading them waits for nothing. */
const AT_ONCE = new Set(['ort', 'cpu', 'tensorflow', 'wasm']);

/** Whether a tensor of the engine can be read without waiting for all that was asked of it before. */
export function readsAtOnce(): boolean {
  return AT_ONCE.has(tf.getBackend());
}

/** A parameter's gradient, as far as the backward pass has come. */
interface Gathering {
  readonly path: string;
  /** Operations that have not told their share yet. */
  left: number;
  sum?: Tensor | undefined;
}

type Hand = (path: string, grad: Tensor | undefined) => void;

/**
 * Hands over every gradient as soon as the backward pass has it whole, the last layers' first; to be called at the end
 * of the forward pass. tfjs keeps on its tape what an operation read and how its gradient is computed, and walks it
 * backwards: a gradient is whole when all operations that read the parameter and lead to the loss have told theirs.
 *
 * @returns frees what it keeps, after the backward pass
 */
export function handEarly(leaves: readonly Param[], loss: Tensor, hand: Hand): () => void {
  const all = new Map(leaves.map(({ path, leaf }): [number, Gathering] => [leaf.id, { path, left: 0 }]));
  const leading = nodesTo(loss).map((node) => {
    const read = Object.entries(node.inputs).flatMap(([name, { id }]) => {
      const one = all.get(id);
      return one ? [{ name, one }] : [];
    });
    return { node, read };
  });
  for (const { read } of leading) for (const { one } of read) one.left++;
  for (const { path, left } of all.values()) if (left === 0) hand(path, undefined);
  for (const { node, read } of leading) {
    const { gradient } = node;
    if (read.length === 0 || gradient === undefined) continue;
    node.gradient = (dys) => {
      const shares = gradient(dys);
      const told = read.map(({ name, one }): [string, () => Tensor] => [name, () => tell(one, shares[name](), hand)]);
      return { ...shares, ...Object.fromEntries(told) };
    };
  }
  return () => {
    for (const { sum } of all.values()) sum?.dispose();
  };
}

/** What tfjs has recorded of operations whose results the loss depends on. */
function nodesTo(loss: Tensor) {
  const leading = new Set([loss.id]);
  return tf
    .engine()
    .state.activeTape.toReversed()
    .filter(({ inputs, outputs }) => {
      const leads = outputs.some(({ id }) => leading.has(id));
      if (leads) for (const { id } of Object.values(inputs)) leading.add(id);
      return leads;
    });
}

/** As tfjs adds shares up: in the order in which they come. */
function tell(one: Gathering, share: Tensor, hand: Hand): Tensor {
  const before = one.sum;
  const sum = before ? tf.add(before, share) : share;
  before?.dispose();
  one.left--;
  one.sum = one.left > 0 ? tf.keep(tf.clone(sum)) : undefined;
  if (one.left === 0) hand(one.path, sum);
  return share;
}
