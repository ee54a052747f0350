import * as tf from '@tensorflow/tfjs';
import type { Tensor, Variable } from '@tensorflow/tfjs';
import { WbdcError } from '@wbdc/io/errors';
import { flatten, type ParamTree } from '@wbdc/nn';
import type { Communicator } from '@wbdc/distributed';
import type { SafetensorsFile, TensorSource } from '@wbdc/checkpoints/node';
import {
  updateAll,
  updateAverage,
  updateShards,
  updatesInPlace,
  type Sharding,
  type Slot,
  type Update,
} from './adamw-update.js';
import { resolveRules, type ParamSettings, type Rules } from './rules.js';
import { shardsOf, type Shard } from './shards.js';
import { assertNames, floatsOf } from './tensors.js';

export interface AdamWOptions extends Rules {
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
  /**
   * Keeps a running average of the weights, `average <- d average + (1 - d) weights` after every update; e.g. 0.999.
   */
  readonly averageDecay?: number;
  /**
   * Divides the moments over these processes, which make the same updates: each keeps and updates its share, and gives
   * the new values to the others (ZeRO, stage 1). The state to save is that without it; see {@link Optimizer.share}.
   */
  readonly shards?: Communicator | undefined;
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
  /** The state to save. Where it is divided over processes, rank 0 reads each value once, all others call `share`. */
  state(): TensorSource[];
  /** Gives rank 0, which saves the state, what this process has of it; does nothing where nothing is divided. */
  share(): Promise<void>;
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
  const slots = newSlots(variablesOf(params), settings, options);
  const sharding = shardingOf(slots, options.shards);
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
      if (sharding) updateShards(updates, sharding);
      else updateAll(updates);
    },
    state: () => stateOf(slots, options.shards),
    share: () => shareState(slots, options.shards),
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
  { averageDecay, shards }: Pick<AdamWOptions, 'averageDecay' | 'shards'>,
): Map<string, OwnSlot> {
  const trained = [...variables].filter(([path]) => !settings.get(path)!.frozen);
  if (trained.length === 0)
    throw new WbdcError('adamW: expected parameters to train, got none: all are frozen or the tree is empty');
  const leaves = trained.map(([path, param]) => ({ path, param, size: param.size }));
  const divided = shards && shardsOf(leaves, shards).flatMap((bucket) => bucket.leaves);
  return new Map(
    (divided ?? leaves.map((leaf) => ({ ...leaf, shard: undefined }))).map(({ path, param, shard }) => {
      if (updatesInPlace()) ownMemory(param);
      const shape = shard ? [shard.length] : param.shape;
      const zeros = (): Variable => newState(new Float32Array(tf.util.sizeFromShape(shape)), shape);
      const slot = { param, first: zeros(), second: zeros(), count: 0, ...(shard && { shard }) };
      const averaging = averageDecay !== undefined;
      return [path, averaging ? { ...slot, average: tf.tidy(() => tf.variable(copyOf(param), false)) } : slot];
    }),
  );
}

function shardingOf(slots: ReadonlyMap<string, OwnSlot>, communicator?: Communicator): Sharding | undefined {
  if (communicator === undefined) return undefined;
  const leaves = [...slots.values()].map((slot) => ({ slot, size: slot.param.size }));
  return { communicator, buckets: shardsOf(leaves, communicator) };
}

/** With the values of the parameter that are this process's; all of them where there is none. */
interface OwnSlot extends Slot {
  readonly shard?: Shard;
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

/** A tensor of the state. */
interface Kept {
  readonly name: string;
  readonly variable: Variable;
  /** Of the whole, as a file has it. */
  readonly shape: number[];
  /** The values of the whole that this process has; all where there is none. */
  readonly shard: Shard | undefined;
}

function keptIn(slots: ReadonlyMap<string, OwnSlot>): Kept[] {
  return [...slots].flatMap(([path, { param, first, second, average, shard }]): Kept[] => [
    { name: `first.${path}`, variable: first, shape: param.shape, shard },
    { name: `second.${path}`, variable: second, shape: param.shape, shard },
    ...(average ? [{ name: `average.${path}`, variable: average, shape: param.shape, shard: undefined }] : []),
  ]);
}

const COUNTS = 'counts';

function stateOf(slots: ReadonlyMap<string, OwnSlot>, shards: Communicator | undefined): TensorSource[] {
  const counts = Int32Array.from([...slots.values()], ({ count }) => count);
  return [
    ...keptIn(slots).map(({ name, variable, shape, shard }, index): TensorSource => {
      const values = async (): Promise<Float32Array> => {
        if (shard === undefined || shards === undefined) return variable.data<'float32'>();
        // Which one: whoever writes a file has an order of its own.
        shards.blocking.broadcast(Int32Array.of(index));
        return joined(shards.blocking.allGatherParts(await variable.data<'float32'>()));
      };
      return { name, dtype: 'F32', shape, values };
    }),
    { name: COUNTS, dtype: 'I32', shape: [counts.length], values: () => counts },
  ];
}

/** What rank 0 asks for, tensor by tensor. */
async function shareState(slots: ReadonlyMap<string, OwnSlot>, shards: Communicator | undefined): Promise<void> {
  if (shards === undefined) return;
  const kept = keptIn(slots);
  for (let left = kept.filter(({ shard }) => shard).length; left > 0; left--) {
    const asked = new Int32Array(1);
    shards.blocking.broadcast(asked);
    shards.blocking.allGatherParts(await kept[asked[0]].variable.data<'float32'>());
  }
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  parts.reduce((at, part) => (all.set(part, at), at + part.length), 0);
  return all;
}

async function restore(slots: ReadonlyMap<string, OwnSlot>, file: SafetensorsFile): Promise<void> {
  const kept = keptIn(slots);
  const shapes = kept.map(({ name, shape }): [string, { shape: number[] }] => [name, { shape }]);
  assertNames(file, new Map([...shapes, [COUNTS, { shape: [slots.size] }]]));
  const counts = await file.read(COUNTS);
  for (const { name, variable, shard } of kept) {
    const data = await floatsOf(file, name);
    const own = shard ? data.slice(shard.start, shard.start + shard.length) : data;
    tf.tidy(() => variable.assign(tf.tensor(own, variable.shape, 'float32')));
  }
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
