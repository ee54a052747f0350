import * as tf from '@tensorflow/tfjs';
import type { Tensor, Variable } from '@tensorflow/tfjs';
import { WbdcError } from '@wbdc/io/errors';
import { flatten, type ParamTree } from '@wbdc/nn';
import type { SafetensorsFile, TensorSource } from '@wbdc/checkpoints/node';
import { updateAll, updateAverage, updatesInPlace, type Slot, type Update } from './adamw-update.js';
import { resolveRules, type ParamSettings, type Rules } from './rules.js';
import { assignTensors, assertNames } from './tensors.js';

export interface AdamWOptions extends Rules {
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
  /**
   * Keeps a running average of the weights, `average <- d average + (1 - d) weights` after every update; e.g. 0.999.
   */
  readonly averageDecay?: number;
}

export interface UpdateOptions {
  /** Factor on all learning rates, from a schedule. */
  readonly factor: number;
  /** Factor on all gradients: clipping and accumulation. Default 1. */
  readonly scale?: number;
}

/** Changes parameters by gradients. Its state is keyed by parameter path. */
export interface Optimizer {
  /** The largest learning rate of any parameter, before the schedule. */
  readonly learningRate: number;
  /** False for frozen parameters, which need no gradient. */
  trains(path: string): boolean;
  /** One update. A parameter without a gradient stays as it is. The gradients remain the caller's. */
  update(grads: ReadonlyMap<string, Tensor>, options: UpdateOptions): void;
  /** The state to save. */
  state(): TensorSource[];
  /** Takes a saved state; an error names what does not fit. */
  restore(file: SafetensorsFile): Promise<void>;
  /** Runs a function (an evaluation, say) with the averaged weights in place of the current ones. */
  withAverages<T>(run: () => T | Promise<T>): Promise<T>;
  /** Frees the state; the parameters stay. */
  dispose(): void;
}

const PYTORCH_DEFAULTS = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

/**
 * AdamW over a tree of `tf.Variable`, equal to PyTorch's. Where the engine has a kernel for it (`WbdcAdamW`, see
 * @wbdc/tfjs-backend-ort and @wbdc/tfjs-node-kernels) the parameters change in place: a tensor that shares a
 * parameter's memory (a clone of it) then changes too. Elsewhere it is composed of tfjs operations.
 */
export function adamW(params: ParamTree, options: AdamWOptions): Optimizer {
  const { beta1, beta2, epsilon } = { ...PYTORCH_DEFAULTS, ...defined(options) };
  const settings = resolveRules(
    flatten(params).map(({ path }) => path),
    options,
  );
  const slots = newSlots(variablesOf(params), settings, options.averageDecay !== undefined);
  const averageDecay = options.averageDecay ?? 0;
  return {
    learningRate: Math.max(...[...slots.keys()].map((path) => settings.get(path)!.learningRate)),
    trains: (path) => slots.has(path),
    update: (grads, { factor, scale = 1 }) => {
      assertKnown(grads, slots);
      const updates: Update[] = [];
      for (const [path, slot] of slots) {
        const grad = grads.get(path);
        const { learningRate, weightDecay } = settings.get(path)!;
        const rate = learningRate * factor;
        const numbers = { learningRate: rate, weightDecay, beta1, beta2, epsilon, scale, averageDecay };
        if (grad) updates.push({ slot, grad, numbers });
        else updateAverage(slot, averageDecay);
      }
      updateAll(updates);
    },
    state: () => stateOf(slots),
    restore: (file) => restore(slots, file),
    withAverages: async (run) => {
      swapAverages(slots);
      try {
        return await run();
      } finally {
        swapAverages(slots);
      }
    },
    dispose: () => {
      for (const { first, second, average } of slots.values())
        tf.dispose([first, second, ...(average ? [average] : [])]);
    },
  };
}

function defined(options: AdamWOptions): Partial<typeof PYTORCH_DEFAULTS> {
  const { beta1, beta2, epsilon } = options;
  return Object.fromEntries(Object.entries({ beta1, beta2, epsilon }).filter(([, value]) => value !== undefined));
}

function variablesOf(params: ParamTree): Map<string, Variable> {
  const paths = new Map<Tensor, string>();
  for (const { path, leaf } of flatten(params)) {
    if (!('assign' in leaf))
      throw new WbdcError(`adamW: ${path}: expected a tf.Variable, got a tensor that cannot change`);
    const other = paths.get(leaf);
    if (other)
      throw new WbdcError(`adamW: ${path} is the same variable as ${other}: keep a shared parameter once in the tree`);
    paths.set(leaf, path);
  }
  return new Map([...paths].map(([leaf, path]) => [path, leaf as Variable]));
}

function newSlots(
  variables: ReadonlyMap<string, Variable>,
  settings: ReadonlyMap<string, ParamSettings>,
  averaging: boolean,
): Map<string, Slot> {
  const trained = [...variables].filter(([path]) => !settings.get(path)!.frozen);
  if (trained.length === 0)
    throw new WbdcError('adamW: expected parameters to train, got none: all are frozen or the tree is empty');
  return new Map(
    trained.map(([path, param]) => {
      if (updatesInPlace()) ownMemory(param);
      const zeros = (): Variable => newState(new Float32Array(param.size), param.shape);
      const slot = { param, first: zeros(), second: zeros(), count: 0 };
      return [path, averaging ? { ...slot, average: tf.tidy(() => tf.variable(copyOf(param), false)) } : slot];
    }),
  );
}

function newState(values: Float32Array, shape: number[]): Variable {
  return tf.tidy(() => tf.variable(tf.tensor(values, shape, 'float32'), false));
}

/** The same values in memory of their own, copied where they are. */
function copyOf<T extends Tensor>(tensor: T): T {
  return tf.mul(tensor, 1);
}

/** tfjs keeps the array a tensor was made of, which may be the caller's or serve two tensors: not ours to change. */
function ownMemory(param: Variable): void {
  tf.tidy(() => param.assign(copyOf(param)));
}

function assertKnown(grads: ReadonlyMap<string, Tensor>, slots: ReadonlyMap<string, Slot>): void {
  const unknown = [...grads.keys()].find((path) => !slots.has(path));
  if (unknown !== undefined)
    throw new WbdcError(`adamW: expected gradients of trained parameters, got one of '${unknown}'`);
}

/** The tensors of the state by their names in a file. */
function namedState(slots: ReadonlyMap<string, Slot>): Map<string, Variable> {
  return new Map(
    [...slots].flatMap(([path, { first, second, average }]): [string, Variable][] => [
      [`first.${path}`, first],
      [`second.${path}`, second],
      ...(average ? [[`average.${path}`, average] as [string, Variable]] : []),
    ]),
  );
}

const COUNTS = 'counts';

function stateOf(slots: ReadonlyMap<string, Slot>): TensorSource[] {
  const counts = Int32Array.from([...slots.values()], ({ count }) => count);
  return [
    ...[...namedState(slots)].map(([name, tensor]): TensorSource => {
      return { name, dtype: 'F32', shape: tensor.shape, values: () => tensor.data<'float32'>() };
    }),
    { name: COUNTS, dtype: 'I32', shape: [counts.length], values: () => counts },
  ];
}

async function restore(slots: ReadonlyMap<string, Slot>, file: SafetensorsFile): Promise<void> {
  const state = namedState(slots);
  assertNames(file, new Map<string, { shape: number[] }>([...state, [COUNTS, { shape: [slots.size] }]]));
  const counts = await file.read(COUNTS);
  await assignTensors(file, state);
  [...slots.values()].forEach((slot, i) => (slot.count = counts.data[i]));
}

/** Exchanges weights and averages without copying. */
function swapAverages(slots: ReadonlyMap<string, Slot>): void {
  for (const [path, { param, average }] of slots) {
    if (!average) throw new WbdcError(`adamW: expected averaged weights, got none of ${path}: set averageDecay`);
    tf.tidy(() => {
      const current = tf.clone(param);
      param.assign(average);
      average.assign(current);
    });
  }
}
