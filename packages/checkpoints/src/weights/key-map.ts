import { sizeOf } from '@wbdc/nn';
import type { ParamShapes } from './shapes.js';
import type { WeightSource } from './source.js';

/** One parameter of ours and the tensor of a checkpoint that holds it. */
export interface KeyEntry {
  /** Path of the parameter in our tree. */
  readonly path: string;
  /** Names of the tensor: the first is written, any is read. */
  readonly names: readonly [string, ...string[]];
  /** Our axis i is the tensor's axis `permute[i]`: `[1, 0]` transposes; the same order where absent. */
  readonly permute?: readonly number[];
  /** The tensor's shape where it is not our shape in another order: a convolution's kernel that is a matrix here. */
  readonly shape?: readonly number[];
}

/** Tensors that checkpoints have and we do without, and why. */
export interface UnusedTensors {
  /** See {@link matchesPattern}. */
  readonly pattern: string;
  readonly reason: string;
}

/** How a checkpoint of another project becomes a parameter tree of ours, and back. */
export interface KeyMap {
  readonly entries: readonly KeyEntry[];
  readonly unused: readonly UnusedTensors[];
}

/** To join to a map whose model takes what it can: the report tells the rest. */
export const ANY_OTHER: KeyMap = { entries: [], unused: [{ pattern: '**', reason: 'no parameter takes it' }] };

/** Several maps as one, for a model made of parts. */
export function joinKeyMaps(...maps: readonly KeyMap[]): KeyMap {
  return { entries: maps.flatMap((map) => map.entries), unused: maps.flatMap((map) => map.unused) };
}

/** The map of a checkpoint whose names are our paths behind a prefix. */
export function pathKeys(shapes: ParamShapes, prefix = ''): KeyMap {
  return { entries: [...shapes.keys()].map((path) => ({ path, names: [prefix + path] })), unused: [] };
}

/** A dense layer: `[in, out]` here, `[out, in]` there. */
export function linearKeys(path: string, names: readonly [string, ...string[]]): KeyEntry[] {
  return [
    { path: `${path}.weight`, names: suffixed(names, '.weight'), permute: [1, 0] },
    { path: `${path}.bias`, names: suffixed(names, '.bias') },
  ];
}

/** A layer normalisation; `gamma` and `beta` are its names in checkpoints of before 2019. */
export function normKeys(path: string, names: readonly [string, ...string[]]): KeyEntry[] {
  const both = (now: string, then: string): [string, ...string[]] => [
    ...suffixed(names, now),
    ...suffixed(names, then),
  ];
  return [
    { path: `${path}.gamma`, names: both('.weight', '.gamma') },
    { path: `${path}.beta`, names: both('.bias', '.beta') },
  ];
}

/** Every name with something behind it. */
function suffixed(names: readonly [string, ...string[]], suffix: string): [string, ...string[]] {
  return names.map((name) => name + suffix) as [string, ...string[]];
}

/** The shape a tensor must have in the checkpoint for a parameter of this shape. */
export function tensorShape(entry: KeyEntry, shape: readonly number[]): readonly number[] {
  if (entry.shape) return entry.shape;
  if (!entry.permute) return shape;
  const theirs: number[] = [];
  entry.permute.forEach((axis, i) => (theirs[axis] = shape[i]));
  return theirs;
}

/** A tensor's values in the order of the parameter. */
export function toParameter(entry: KeyEntry, values: Float32Array, theirs: readonly number[]): Float32Array {
  return entry.permute ? permuteAxes(values, theirs, entry.permute) : values;
}

/** A parameter's values in the order of the tensor; `theirs` is the tensor's shape. */
export function toTensor(entry: KeyEntry, values: Float32Array, theirs: readonly number[]): Float32Array {
  if (!entry.permute) return values;
  const ours = entry.permute.map((axis) => theirs[axis]);
  const back: number[] = [];
  entry.permute.forEach((axis, i) => (back[axis] = i));
  return permuteAxes(values, ours, back);
}

/** Row-major values with their axes in another order: axis i of the result is axis `order[i]` of the input. */
function permuteAxes(values: Float32Array, shape: readonly number[], order: readonly number[]): Float32Array {
  const strides = shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
  const sizes = order.map((axis) => shape[axis]);
  const steps = order.map((axis) => strides[axis]);
  const result = new Float32Array(values.length);
  let written = 0;
  const copy = (axis: number, from: number): void => {
    const last = axis === sizes.length - 1;
    for (let i = 0, at = from; i < sizes[axis]; i++, at += steps[axis]) {
      if (last) result[written++] = values[at];
      else copy(axis + 1, at);
    }
  };
  copy(0, 0);
  return result;
}

/** The shape of the tensor that a map names for a path, where the checkpoint has it: sizes that no file says. */
export function findShape(source: WeightSource, { entries }: KeyMap, path: string): readonly number[] | undefined {
  const names = entries.find((entry) => entry.path === path)?.names ?? [];
  return names.map((name) => source.tensors.get(name)?.shape).find((shape) => shape !== undefined);
}
