import * as tf from '@tensorflow/tfjs';
import type { Tensor } from '@tensorflow/tfjs';

type TapeNode = ReturnType<typeof tf.engine>['state']['activeTape'][number];

/** A node of the tape, with the inputs that depend on what gradients are asked for. */
interface Reached {
  readonly node: TapeNode;
  readonly names: readonly string[];
}

/**
 * The value of `f`, and its gradient for each of `xs`; none for one that it does not depend on. As tfjs's own
 * `gradients`, sums in the same order too, with less of the host's time for each operation.
 * @param dy what the gradient of the value is; default ones
 */
export function gradientsOf<T extends Tensor>(
  f: () => T,
  xs: readonly Tensor[],
  dy?: T,
): { value: T; grads: (Tensor | undefined)[] } {
  const { state } = tf.engine();
  const outermost = state.gradientDepth === 0;
  if (outermost) state.activeTape = [];
  try {
    const value = recorded(f);
    const reached = reachedFrom(xs, state.activeTape);
    const grads = tf.tidy(() => {
      const gradients = new Map<number, Tensor>([[value.id, dy ?? tf.ones(value.shape)]]);
      for (let i = reached.length - 1; i >= 0; i--) propagate(reached[i], gradients);
      return xs.map(({ id }) => gradients.get(id));
    });
    return { value, grads };
  } finally {
    if (outermost) {
      for (const { saved = [] } of state.activeTape) for (const tensor of saved) tensor.dispose();
      state.activeTape = [];
    }
  }
}

function recorded<T extends Tensor>(f: () => T): T {
  const { state } = tf.engine();
  state.gradientDepth++;
  try {
    return tf.tidy(f);
  } finally {
    state.gradientDepth--;
  }
}

/** The nodes whose results depend on `xs`, in the order of the tape. */
function reachedFrom(xs: readonly Tensor[], tape: readonly TapeNode[]): Reached[] {
  const depends = new Set(xs.map(({ id }) => id));
  const reached: Reached[] = [];
  for (const node of tape) {
    const names = Object.keys(node.inputs).filter((name) => depends.has(node.inputs[name].id));
    if (names.length === 0) continue;
    for (const { id } of node.outputs) depends.add(id);
    reached.push({ node, names });
  }
  return reached;
}

/** Adds what a node's inputs get of its outputs' gradients; nothing where the value does not depend on it. */
function propagate({ node, names }: Reached, gradients: Map<number, Tensor>): void {
  const dys = node.outputs.map(({ id }) => gradients.get(id));
  if (!dys.some((dy) => dy !== undefined)) return;
  const { gradient, kernelName, inputs, outputs } = node;
  if (!gradient) throw new Error(`gradients: expected an operation with a gradient, got ${kernelName}`);
  const shares = tf.tidy(() => {
    const given = dys.map((dy, i) => dy ?? tf.zeros(outputs[i].shape, outputs[i].dtype as 'float32'));
    const thunks = gradient(given);
    return names.map((name) => thunks[name]());
  });
  names.forEach((name, i) => {
    const { id, shape } = inputs[name];
    const share = shares[i];
    if (share.dtype !== 'float32' || !tf.util.arraysEqual(share.shape, shape)) {
      const [expected, got] = [shape, share.shape].map((lengths) => `[${lengths.join(', ')}]`);
      const of = `the gradient of '${name}' of ${kernelName}`;
      throw new Error(`gradients: ${of}: expected ${expected} of float32, got ${got} of ${share.dtype}`);
    }
    const before = gradients.get(id);
    gradients.set(id, before ? tf.add(before, share) : share);
    before?.dispose();
  });
}
