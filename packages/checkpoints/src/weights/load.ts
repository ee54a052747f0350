import * as tf from '@tensorflow/tfjs';
import { parameter, flatten, type ParamTree } from '@wbdc/nn';
import { tensorShape, toParameter, type KeyEntry, type KeyMap } from './key-map.js';
import { matchesPattern } from './pattern.js';
import type { WeightReport } from './report.js';
import type { WeightSource } from './source.js';

export interface LoadWeightsOptions {
  /** Patterns over our paths: parameters that may be missing in the checkpoint and then stay as they are. */
  readonly allowMissing?: readonly string[];
  /** Patterns over the checkpoint's names: tensors to leave out, besides those the key map knows of. */
  readonly allowUnused?: readonly string[];
}

/** A parameter and the tensor it is read from. */
interface Match {
  readonly entry: KeyEntry;
  readonly name: string;
}

interface Plan {
  readonly matches: readonly Match[];
  readonly report: WeightReport;
}

type Shapes = ReadonlyMap<string, readonly number[]>;

const FLOATS: ReadonlySet<string> = new Set(['F32', 'F16', 'BF16', 'F64']);
const SHOWN = 20;

/**
 * Gives the variables of a tree the values of a checkpoint. Everything is checked and read before the first variable is
 * touched, so a failure changes nothing; until then the values are in memory twice.
 *
 * @returns what was loaded, what keeps its fresh values, what was left out: print it with `formatWeightReport`
 * @throws with all problems together: a tensor that is missing, has another shape, or that nothing maps
 */
export async function loadWeights(
  params: ParamTree,
  keyMap: KeyMap,
  source: WeightSource,
  options: LoadWeightsOptions = {},
): Promise<WeightReport> {
  const leaves = new Map(flatten(params).map(({ path, leaf }) => [path, leaf]));
  const plan = planWeights(new Map([...leaves].map(([path, { shape }]) => [path, shape])), keyMap, source, options);
  const fixed = plan.matches.find(({ entry }) => !(leaves.get(entry.path) instanceof tf.Variable));
  if (fixed) throw new Error(`${source.path}: expected '${fixed.entry.path}' to be a tf.Variable, got a tensor`);
  const values = await readAll(plan, source);
  for (const [path, data] of values) {
    const variable = leaves.get(path) as tf.Variable;
    tf.tidy(() => variable.assign(tf.tensor(data, variable.shape)));
    values.delete(path);
  }
  return plan.report;
}

/**
 * A tree made of a checkpoint alone, as trainable variables: no time is spent on fresh values that would be overwritten.
 *
 * @param shapes our paths and shapes, all of which the checkpoint must have
 */
export async function readWeights<P extends ParamTree>(
  shapes: Shapes,
  keyMap: KeyMap,
  source: WeightSource,
  options: Pick<LoadWeightsOptions, 'allowUnused'> = {},
): Promise<{ params: P; report: WeightReport }> {
  const plan = planWeights(shapes, keyMap, source, options);
  if (plan.report.fresh.length > 0) {
    throw new Error(`expected the key map to name every parameter, got none for '${plan.report.fresh[0].path}'`);
  }
  const values = await readAll(plan, source);
  const leaves = [...shapes].map(([path, shape]) => [path, parameter(values.get(path)!, shape)] as const);
  return { params: unflatten(leaves) as P, report: plan.report };
}

async function readAll({ matches }: Plan, source: WeightSource): Promise<Map<string, Float32Array>> {
  const values = new Map<string, Float32Array>();
  for (const { entry, name } of matches) {
    const { data, shape } = await source.read(name);
    values.set(entry.path, toParameter(entry, data as Float32Array, shape));
  }
  return values;
}

function planWeights(shapes: Shapes, keyMap: KeyMap, source: WeightSource, options: LoadWeightsOptions): Plan {
  const problems: string[] = [];
  const matches: Match[] = [];
  const missing = new Set<string>();
  for (const entry of keyMap.entries) {
    const name = entry.names.find((known) => source.tensors.has(known));
    if (!shapes.has(entry.path)) problems.push(`the key map has '${entry.path}', the parameters have not`);
    else if (name !== undefined) matches.push({ entry, name });
    else if (isAllowed(entry.path, options.allowMissing)) missing.add(entry.path);
    else problems.push(`'${entry.path}': expected a tensor ${entry.names.join(' or ')}, got none (allowMissing)`);
  }
  for (const { entry, name } of matches) problems.push(...mismatch(entry, name, shapes.get(entry.path)!, source));
  const ignored = ignoredTensors(matches, keyMap, source, options.allowUnused, problems);
  if (problems.length > 0) throw new Error(describeProblems(source.path, problems));
  return { matches, report: { source: source.path, ...reportOf(shapes, matches, missing, source), ignored } };
}

function mismatch(
  { path, ...entry }: KeyEntry,
  name: string,
  shape: readonly number[],
  source: WeightSource,
): string[] {
  const { dtype, shape: got } = source.tensors.get(name)!;
  const expected = tensorShape({ path, ...entry }, shape);
  if (!FLOATS.has(dtype)) return [`'${path}': expected ${name} to hold F32, F16, BF16 or F64, got ${dtype}`];
  if (expected.join() === got.join()) return [];
  return [`'${path}': expected ${name} of shape [${expected.join(', ')}], got [${got.join(', ')}]`];
}

/** The tensors that no parameter takes, all of which somebody must have allowed. */
function ignoredTensors(
  matches: readonly Match[],
  keyMap: KeyMap,
  source: WeightSource,
  allowed: readonly string[] | undefined,
  problems: string[],
): WeightReport['ignored'] {
  const taken = new Set(matches.map(({ name }) => name));
  return [...source.tensors].flatMap(([name, { dtype, shape }]) => {
    if (taken.has(name)) return [];
    const known = keyMap.unused.find(({ pattern }) => matchesPattern(pattern, name));
    const reason = known?.reason ?? (isAllowed(name, allowed) ? 'allowed by allowUnused' : undefined);
    if (reason === undefined) problems.push(`${name} [${shape.join(', ')}]: no parameter takes it (allowUnused)`);
    return reason === undefined ? [] : [{ name, dtype, shape, reason }];
  });
}

function reportOf(shapes: Shapes, matches: readonly Match[], missing: ReadonlySet<string>, source: WeightSource) {
  const taken = new Set(matches.map(({ entry }) => entry.path));
  return {
    loaded: matches.map(({ entry: { path }, name }) => ({ path, name, ...describe(source, name) })),
    fresh: [...shapes]
      .filter(([path]) => !taken.has(path))
      .map(([path, shape]) => ({
        path,
        shape,
        reason: missing.has(path) ? 'missing, allowed by allowMissing' : 'not in the key map',
      })),
  };
}

function describe(source: WeightSource, name: string) {
  const { dtype, shape } = source.tensors.get(name)!;
  return { dtype, shape };
}

function isAllowed(name: string, patterns: readonly string[] = []): boolean {
  return patterns.some((pattern) => matchesPattern(pattern, name));
}

function describeProblems(path: string, problems: readonly string[]): string {
  const more = problems.length > SHOWN ? [`... and ${problems.length - SHOWN} more`] : [];
  return [
    `${path}: the checkpoint does not fit the model, nothing was changed. Choose the configuration of this checkpoint, ` +
      'or allow by name what may differ:',
    ...[...problems.slice(0, SHOWN), ...more].map((problem) => `  ${problem}`),
  ].join('\n');
}

/** The tree of paths and leaves: parts that count from 0 become lists. The inverse of `flatten`. */
function unflatten(leaves: readonly (readonly [string, tf.Tensor])[]): ParamTree {
  const children = new Map<string, [string, tf.Tensor][]>();
  for (const [path, leaf] of leaves) {
    const [head] = path.split('.', 1);
    children.set(head, [...(children.get(head) ?? []), [path.slice(head.length + 1), leaf]]);
  }
  const nodes = [...children].map(([head, rest]) => [head, rest[0][0] === '' ? rest[0][1] : unflatten(rest)] as const);
  return nodes.every(([head], i) => head === String(i)) ? nodes.map(([, node]) => node) : Object.fromEntries(nodes);
}
