import type { Tensor } from '@tensorflow/tfjs';

/**
 * Parameters: a plain tree of tensors. Model code sees typed interfaces; this is what all of them have in common.
 * The path to a leaf, joined by dots, is its key in a checkpoint. Lists count as objects with the keys 0, 1, 2...
 */
export type ParamTree = object;

/** One parameter and the path to it. */
export interface Param<Leaf = Tensor> {
  readonly path: string;
  readonly leaf: Leaf;
}

function isLeaf(node: unknown): node is Tensor {
  return typeof node === 'object' && node !== null && 'dtype' in node && 'shape' in node;
}

/** All parameters of a tree in the order of its definition. */
export function flatten(tree: ParamTree, prefix = ''): Param[] {
  const found: Param[] = [];
  collect(tree as Readonly<Record<string, unknown>>, prefix, found);
  return found;
}

/** Into one list: a step does this for each of its parameters. */
function collect(tree: Readonly<Record<string, unknown>>, prefix: string, found: Param[]): void {
  for (const key of Object.keys(tree)) {
    const node = tree[key];
    if (isLeaf(node)) found.push({ path: prefix + key, leaf: node });
    else if (typeof node === 'object' && node !== null)
      collect(node as Readonly<Record<string, unknown>>, `${prefix}${key}.`, found);
  }
}

/** The same tree with every leaf replaced. */
export function mapTree<P extends ParamTree>(tree: P, replace: (leaf: Tensor, path: string) => Tensor, prefix = ''): P {
  const entries = Object.entries(tree).map(([key, node]: [string, unknown]) => {
    const path = prefix + key;
    if (isLeaf(node)) return [key, replace(node, path)];
    return [key, typeof node === 'object' && node !== null ? mapTree(node, replace, `${path}.`) : node];
  });
  return (Array.isArray(tree) ? entries.map((entry) => entry[1]) : Object.fromEntries(entries)) as P;
}

/** The tree of paths and leaves, the inverse of {@link flatten}: keys that count from 0 become lists. */
export function unflatten(leaves: readonly Param[]): ParamTree {
  const children = new Map<string, Param[]>();
  for (const { path, leaf } of leaves) {
    const [head] = path.split('.', 1);
    const rest = { path: path.slice(head.length + 1), leaf };
    const siblings = children.get(head);
    if (siblings) siblings.push(rest);
    else children.set(head, [rest]);
  }
  const nodes = [...children].map(
    ([head, rest]) => [head, rest[0].path === '' ? rest[0].leaf : unflatten(rest)] as const,
  );
  return nodes.every(([head], i) => head === String(i)) ? nodes.map(([, node]) => node) : Object.fromEntries(nodes);
}

/** Frees every parameter of a tree. */
export function disposeTree(tree: ParamTree): void {
  for (const { leaf } of flatten(tree)) leaf.dispose();
}
