import * as tf from '@tensorflow/tfjs';
import type { Tensor, Variable } from '@tensorflow/tfjs';
import type { Communicator } from '@wbdc/distributed';
import { fusedKernel, hasKernel } from '@wbdc/nn';
import type { KernelAttributes, KernelInputs } from '@wbdc/nn/kernels';
import { adamWNames } from '@wbdc/nn/plain';
import type { Shard, ShardedBucket } from './shards.js';

/**
 * One parameter, its moments, or those of the values that are this process's to update, and the running average of its
 * values where one is kept.
 */
export interface Slot {
  readonly param: Variable;
  readonly first: Variable;
  readonly second: Variable;
  readonly average?: Variable;
  /** Updates done: the t of the bias correction. A parameter that the loss does not reach is not updated. */
  count: number;
}

/** The numbers of one update of one parameter. */
interface UpdateNumbers {
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Factor on the gradient: clipping and accumulation. */
  readonly scale: number;
  readonly averageDecay: number;
}

/** One parameter's part of an update. */
export interface Update {
  readonly slot: Slot;
  readonly grad: Tensor;
  readonly numbers: UpdateNumbers;
}

/**
 * AdamW (Loshchilov and Hutter, arXiv 1711.05101) as PyTorch computes it, with g the scaled gradient:
 * p <- p (1 - lr wd); m <- b1 m + (1 - b1) g; v <- b2 v + (1 - b2) g^2;
 * p <- p - lr / (1 - b1^t) m / (sqrt(v / (1 - b2^t)) + eps); then average <- d average + (1 - d) p.
 */
export function updateAll(updates: readonly Update[]): void {
  for (const { slot } of updates) slot.count++;
  if (updates.length === 0 || updateTogether(updates)) return;
  for (const update of updates) if (!updateInPlace(update)) updateComposed(update);
}

/** Parameters whose values are divided over processes. */
export interface Sharding {
  readonly communicator: Communicator;
  readonly buckets: readonly ShardedBucket<{ readonly slot: Slot; readonly size: number }>[];
}

/**
 * The same, where every process updates its own values alone and gives them to the others: ZeRO's first stage
 * (Rajbhandari et al., arXiv 1910.02054). All call it with the same gradients.
 */
export function updateShards(updates: readonly Update[], { communicator, buckets }: Sharding): void {
  const bySlot = new Map(updates.map((update) => [update.slot, update]));
  for (const { block, leaves } of buckets) {
    const due = leaves.filter(({ slot }) => bySlot.has(slot));
    if (due.length === 0) continue;
    const own = new Float32Array(block);
    const parts = due.filter(({ shard }) => shard.length > 0).map((leaf) => partOf(bySlot.get(leaf.slot)!, leaf.shard));
    try {
      updateAll(parts.map(({ update }) => update));
      for (const { update, at } of parts) own.set(update.slot.param.dataSync<'float32'>(), at);
    } finally {
      for (const { update } of parts) tf.dispose([update.slot.param, update.grad]);
    }
    const all = communicator.blocking.allGather(own);
    for (const { slot, size, shard } of due) {
      const { param } = slot;
      const values = all.slice(shard.offset, shard.offset + size);
      tf.tidy(() => param.assign(tf.tensor(values, param.shape, 'float32')));
      slot.count++;
      updateAverage(slot, bySlot.get(slot)!.numbers.averageDecay);
    }
  }
}

/** The update of some values of a parameter, on copies of them and of their gradient. */
function partOf({ slot, grad, numbers }: Update, { start, length, at }: Shard): { update: Update; at: number } {
  const take = (tensor: Tensor): Tensor => tf.slice(tf.reshape(tensor, [tensor.size]), start, length);
  const param = tf.tidy(() => tf.variable(take(slot.param), false));
  const { first, second, count } = slot;
  return { update: { slot: { param, first, second, count }, grad: tf.tidy(() => take(grad)), numbers }, at };
}

/** The average of a parameter that got no gradient in a step. */
export function updateAverage({ param, average }: Slot, decay: number): void {
  if (average) tf.tidy(() => average.assign(tf.add(tf.mul(average, decay), tf.mul(param, 1 - decay))));
}

/** True where the engine has a kernel that changes parameters and moments where they are. */
export function updatesInPlace(): boolean {
  return hasKernel('WbdcAdamW');
}

/** All of them at once: what an engine wants for which a call is dear. */
function updateTogether(updates: readonly Update[]): boolean {
  if (!hasKernel('WbdcAdamWAll')) return false;
  const tensors: Record<string, Tensor> = {};
  updates.forEach(({ slot: { param, first, second, average }, grad }, i) => {
    const names = adamWNames(i);
    tensors[names.p] = param;
    tensors[names.g] = grad;
    tensors[names.m] = first;
    tensors[names.v] = second;
    if (average) tensors[names.e] = average;
  });
  return fusedKernel('WbdcAdamWAll', tensors, { updates: attributesOfAll(updates) }) !== undefined;
}

/** One pass over memory, nothing allocated; the average in the same pass. */
function updateInPlace(update: Update): boolean {
  return fusedKernel('WbdcAdamW', tensorsOf(update), attributesOf(update)) !== undefined;
}

function tensorsOf({ slot: { param, first, second, average }, grad }: Update): KernelInputs<'WbdcAdamW', Tensor> {
  return { p: param, g: grad, m: first, v: second, ...(average && { e: average }) };
}

/** Most parameters have the numbers of the one before: these share one object. */
function attributesOfAll(updates: readonly Update[]): KernelAttributes<'WbdcAdamW'>[] {
  let before: Update | undefined;
  let attributes: KernelAttributes<'WbdcAdamW'> | undefined;
  return updates.map((update) => {
    if (!before || !attributes || !sameNumbers(before, update)) attributes = attributesOf(update);
    before = update;
    return attributes;
  });
}

function sameNumbers(a: Update, b: Update): boolean {
  return (
    a.slot.count === b.slot.count &&
    (Object.keys(a.numbers) as (keyof UpdateNumbers)[]).every((name) => a.numbers[name] === b.numbers[name])
  );
}

function attributesOf({ slot: { count }, numbers }: Update): KernelAttributes<'WbdcAdamW'> {
  const { beta1, beta2, epsilon, scale, averageDecay } = numbers;
  const { kept, rate, root } = constantsOf(numbers, count);
  const shares = { share1: (1 - beta1) * scale, share2: (1 - beta2) * scale * scale };
  const averaging = { decay: averageDecay, gain: 1 - averageDecay };
  // rate m / (sqrt(v) root + epsilon), with root taken out of the sum: one multiplication less per value
  const divided = { epsilon: epsilon / root, rate: rate / root };
  return { beta1, beta2, ...shares, ...divided, kept, ...averaging };
}

function constantsOf(
  { learningRate, weightDecay, beta1, beta2 }: UpdateNumbers,
  count: number,
): { kept: number; rate: number; root: number } {
  return {
    kept: 1 - learningRate * weightDecay,
    rate: learningRate / (1 - beta1 ** count),
    root: 1 / Math.sqrt(1 - beta2 ** count),
  };
}

function updateComposed({ slot, grad, numbers }: Update): void {
  const { param, first, second } = slot;
  const { beta1, beta2, epsilon, scale, averageDecay } = numbers;
  const { kept, rate, root } = constantsOf(numbers, slot.count);
  tf.tidy(() => {
    const gradient = scale === 1 ? grad : tf.mul(grad, scale);
    first.assign(tf.add(tf.mul(first, beta1), tf.mul(gradient, 1 - beta1)));
    second.assign(tf.add(tf.mul(second, beta2), tf.mul(tf.square(gradient), 1 - beta2)));
    const change = tf.div(tf.mul(first, rate), tf.add(tf.mul(tf.sqrt(second), root), epsilon));
    param.assign(tf.sub(tf.mul(param, kept), change));
  });
  updateAverage(slot, averageDecay);
}
