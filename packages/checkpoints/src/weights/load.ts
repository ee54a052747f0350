import * as tf from '@tensorflow/tfjs';
import { WbdcError } from '@wbdc/io/errors';
import { flatten, parameter, unflatten, type ParamTree, type Floats } from '@wbdc/nn';
import { pathKeys, tensorShape, toParameter, type KeyEntry, type KeyMap } from './key-map.js';
import { matchesPattern } from './pattern.js';
import type { WeightReport } from './report.js';
import type { ParamShapes } from './shapes.js';
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

const FLOATS: ReadonlySet<string> = new Set(['F32', 'F16', 'BF16', 'F64']);
const SHOWN = 20;

/**
 * Gives the variables of a tree the values of a checkpoint. Everything is checked and read before the first variable is
 * touched, so a failure changes nothing; until then the values are in memory twice.
 *
 * @returns what was loaded, what keeps its values, what was left out: print it with `formatWeightReport`
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
  if (fixed) throw new WbdcError(`${source.path}: expected '${fixed.entry.path}' to be a tf.Variable, got a tensor`);
  const values = await readAll(plan, source);
  for (const [path, data] of values) {
    const variable = leaves.get(path) as tf.Variable;
    tf.tidy(() => variable.assign(tf.tensor(data, variable.shape)));
    values.delete(path);
  }
  return plan.report;
}

export interface ReadWeightsOptions extends Pick<LoadWeightsOptions, 'allowUnused'> {
  /**
   * Subtrees that the checkpoint may lack, by their path (`frames`, `video.layers`), and what makes each. One is made
   * where the checkpoint has nothing of it; to have some of it only is an error.
   */
  readonly fresh?: ReadonlyMap<string, () => ParamTree>;
}

/**
 * A tree made of a checkpoint, as trainable variables: nothing is drawn that the checkpoint has. Sizes are compared
 * before anything is allocated; then one tensor at a time is in memory twice.
 *
 * @param shapes our paths and shapes: all that the checkpoint must have, but for `options.fresh`
 * @throws with all problems together, as {@link loadWeights}
 */
export async function readWeights<P extends ParamTree>(
  shapes: ParamShapes,
  keyMap: KeyMap,
  source: WeightSource,
  options: ReadWeightsOptions = {},
): Promise<{ params: P; report: WeightReport }> {
  const fresh = [...(options.fresh ?? [])];
  const allowMissing = fresh.map(([path]) => `${path}{,.**}`);
  const plan = planWeights(shapes, keyMap, source, { ...options, allowMissing });
  const missing = new Set(plan.report.missing.map(({ path }) => path));
  const needed = fresh.filter(([part]) => lacksAll(part, shapes, missing, source));
  const leaves = new Map<string, tf.Tensor>();
  try {
    for (const [part, make] of needed) {
      for (const { path, leaf } of flatten({ [part]: make() })) leaves.set(path, leaf);
    }
    for (const { entry, name } of plan.matches) {
      const { data, shape } = await readFinite(source, name);
      leaves.set(entry.path, parameter(toParameter(entry, data, shape), shapes.get(entry.path)!));
    }
    const unmade = [...shapes.keys()].find((path) => !leaves.has(path));
    if (unmade !== undefined)
      throw new WbdcError(`expected the key map to name every parameter, got none for '${unmade}'`);
  } catch (error) {
    for (const leaf of leaves.values()) leaf.dispose();
    throw error;
  }
  return {
    params: unflatten([...shapes.keys()].map((path) => ({ path, leaf: leaves.get(path)! }))) as P,
    report: plan.report,
  };
}

/** Whether a checkpoint has nothing of a subtree; one that has some of it is of another model. */
function lacksAll(part: string, shapes: ParamShapes, missing: ReadonlySet<string>, source: WeightSource): boolean {
  const paths = [...shapes.keys()].filter((path) => path === part || path.startsWith(`${part}.`));
  const lacking = paths.filter((path) => missing.has(path));
  if (lacking.length === 0 || lacking.length === paths.length) return lacking.length > 0;
  throw new WbdcError(
    describeProblems(
      source.path,
      lacking.map((path) => `'${path}': the checkpoint has '${part}' without it`),
    ),
  );
}

/**
 * Parameters from a checkpoint whose names are our paths, as wbdc writes them. With a prefix such as `encoder.`, the
 * names start with it. Other tensors, of heads say, are not read.
 *
 * @param shapes paths without the prefix: `uniModelShapes(config)`, say
 */
export async function readParams<P extends ParamTree>(
  shapes: ParamShapes,
  source: WeightSource,
  prefix = '',
): Promise<P> {
  const { params } = await readWeights<P>(shapes, pathKeys(shapes, prefix), source, { allowUnused: ['**'] });
  return params;
}

/** A model with one weight that is no number answers all questions the same. */
async function readFinite(source: WeightSource, name: string): Promise<Floats> {
  const { data, shape } = (await source.read(name)) as Floats;
  const bad = data.findIndex((value) => !Number.isFinite(value));
  if (bad < 0) return { data, shape };
  throw new WbdcError({
    where: `${source.path}: ${name}`,
    expected: 'finite weights',
    got: `${data[bad]} at index ${bad}`,
    advice: 'take an earlier checkpoint, or download the file again',
  });
}

async function readAll({ matches }: Plan, source: WeightSource): Promise<Map<string, Float32Array>> {
  const values = new Map<string, Float32Array>();
  for (const { entry, name } of matches) {
    const { data, shape } = await readFinite(source, name);
    values.set(entry.path, toParameter(entry, data, shape));
  }
  return values;
}

function planWeights(shapes: ParamShapes, keyMap: KeyMap, source: WeightSource, options: LoadWeightsOptions): Plan {
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
  const unused = unusedTensors(matches, keyMap, source, options.allowUnused, problems);
  if (problems.length > 0) throw new WbdcError(describeProblems(source.path, problems));
  return { matches, report: { source: source.path, ...reportOf(shapes, matches, missing, source), unused } };
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
function unusedTensors(
  matches: readonly Match[],
  keyMap: KeyMap,
  source: WeightSource,
  allowed: readonly string[] | undefined,
  problems: string[],
): WeightReport['unused'] {
  const taken = new Set(matches.map(({ name }) => name));
  return [...source.tensors].flatMap(([name, { dtype, shape }]) => {
    if (taken.has(name)) return [];
    const known = keyMap.unused.find(({ pattern }) => matchesPattern(pattern, name));
    const reason = known?.reason ?? (isAllowed(name, allowed) ? 'allowed by allowUnused' : undefined);
    if (reason === undefined) problems.push(`${name} [${shape.join(', ')}]: no parameter takes it (allowUnused)`);
    return reason === undefined ? [] : [{ name, dtype, shape, reason }];
  });
}

function reportOf(shapes: ParamShapes, matches: readonly Match[], missing: ReadonlySet<string>, source: WeightSource) {
  const taken = new Set(matches.map(({ entry }) => entry.path));
  return {
    loaded: matches.map(({ entry: { path }, name }) => ({ path, name, ...describe(source, name) })),
    missing: [...shapes]
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
    `${path}: the checkpoint does not fit the model, nothing was changed. ` +
      'Choose the configuration of this checkpoint, or allow by name what may differ:',
    ...[...problems.slice(0, SHOWN), ...more].map((problem) => `  ${problem}`),
  ].join('\n');
}
