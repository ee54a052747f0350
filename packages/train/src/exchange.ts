import * as tf from '@tensorflow/tfjs';
import type { Tensor } from '@tensorflow/tfjs';
import type { Communicator } from '@wbdc/distributed';
import { flatten, type MetricSum, type ParamTree } from '@wbdc/nn';
import { bfloat16Sum } from './bfloat16.js';
import { disposeGrads, type ValueAndGrad } from './gradients.js';
import { bucketsOf } from './shards.js';

/** In what gradients travel: as they are, or rounded to 8 bits of mantissa, which halves the bytes. */
export type GradientDtype = 'fp32' | 'bf16';

/** Several processes that train as one: what each has computed of a batch becomes what all have. */
export interface Exchange {
  readonly communicator: Communicator;
  /**
   * Loss, metrics and gradients over the parts of all processes, which it disposes of in `own`. `even`: every loss is
   * divided by a share of what was asked in all, and the whole is their mean; else they weigh by their counts.
   */
  sum(own: ValueAndGrad, even: boolean): ValueAndGrad;
  /** Numbers by name, added up. */
  total(numbers: Readonly<Record<string, number>>): Record<string, number>;
  /** Whether a process says so. */
  any(own: boolean): boolean;
}

export interface ExchangeOptions {
  readonly communicator: Communicator;
  readonly params: ParamTree;
  readonly trains: (path: string) => boolean;
  readonly dtype?: GradientDtype | undefined;
}

export function exchangeOf({ communicator, params, trains, dtype = 'fp32' }: ExchangeOptions): Exchange {
  // The same order on every process, whatever each has reached.
  const leaves = flatten(params)
    .filter(({ path }) => trains(path))
    .map(({ path, leaf }) => ({ path, shape: leaf.shape, size: leaf.size }));
  const reduce = dtype === 'bf16' ? bfloat16Sum : (c: Communicator, data: Float32Array) => c.blocking.allReduce(data);
  return {
    communicator,
    sum: (own, even) => {
      const told = tell(communicator, own, even);
      const reached = leaves.filter(({ path }) => told.reached.has(path));
      const grads = new Map<string, Tensor>();
      for (const bucket of bucketsOf(reached)) {
        const data = packed(bucket, own.grads, told.scale);
        reduce(communicator, data);
        unpack(bucket, data, grads);
      }
      disposeGrads(own.grads);
      const unreached = leaves.filter(({ path }) => !told.reached.has(path)).map(({ path }) => path);
      return { loss: told.loss, count: told.count, metrics: told.metrics, grads, unreached };
    },
    total: (numbers) => addUp(texts(communicator, numbers).map((text) => JSON.parse(text) as Record<string, number>)),
    any: (own) => {
      const flag = Int32Array.of(own ? 1 : 0);
      communicator.blocking.allReduce(flag, 'max');
      return flag[0] === 1;
    },
  };
}

interface Leaf {
  readonly path: string;
  readonly shape: number[];
  readonly size: number;
}

/** What one process says of its part. Numbers as texts: JSON knows none that are not finite. */
interface Said {
  readonly loss: string;
  readonly weight: number;
  readonly metrics: Readonly<Record<string, readonly [sum: string, count: number]>>;
  readonly unreached: readonly string[];
}

interface Told extends Pick<ValueAndGrad, 'loss' | 'metrics'> {
  readonly count: number;
  /** Of this process's gradients in the whole. */
  readonly scale: number;
  /** Parameters that some process has a gradient of. */
  readonly reached: ReadonlySet<string>;
}

function tell(communicator: Communicator, own: ValueAndGrad, even: boolean): Told {
  const weight = even ? 1 : (own.count ?? own.metrics['loss']?.count ?? 1);
  const metrics = Object.entries(own.metrics).map(([name, { sum, count }]) => [name, [String(sum), count]] as const);
  const said: Said = {
    loss: String(own.loss),
    weight,
    metrics: Object.fromEntries(metrics),
    unreached: own.unreached,
  };
  const all = texts(communicator, said).map((text) => JSON.parse(text) as Said);
  const count = all.reduce((sum, one) => sum + one.weight, 0);
  const total = count === 0 ? 1 : count; // nothing was asked anywhere: there is no gradient
  const missing = (path: string): boolean => all.every(({ unreached }) => unreached.includes(path));
  const reached = [...own.grads.keys(), ...own.unreached.filter((path) => !missing(path))];
  return {
    loss: all.reduce((sum, one) => sum + Number(one.loss) * one.weight, 0) / total,
    metrics: addMetrics(all.map((one) => one.metrics)),
    count,
    scale: weight / total,
    reached: new Set(reached),
  };
}

function addMetrics(all: readonly Said['metrics'][]): Record<string, MetricSum> {
  const totals: Record<string, MetricSum> = {};
  for (const [name, [sum, count]] of all.flatMap((one) => Object.entries(one))) {
    const before = totals[name] ?? { sum: 0, count: 0 };
    totals[name] = { sum: before.sum + Number(sum), count: before.count + count };
  }
  return totals;
}

function addUp(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const totals: Record<string, number> = {};
  for (const [name, count] of all.flatMap((one) => Object.entries(one))) totals[name] = (totals[name] ?? 0) + count;
  return totals;
}

/** A value of every process as JSON, by rank. */
function texts(communicator: Communicator, value: unknown): string[] {
  const parts = communicator.blocking.allGatherParts(new TextEncoder().encode(JSON.stringify(value)));
  return parts.map((part) => new TextDecoder().decode(part));
}

/** Gradients times a factor side by side, zeros where this process has none. */
function packed(bucket: readonly Leaf[], grads: ReadonlyMap<string, Tensor>, scale: number): Float32Array {
  const data = new Float32Array(bucket.reduce((sum, { size }) => sum + size, 0));
  let start = 0;
  for (const { path, size } of bucket) {
    const values = grads.get(path)?.dataSync<'float32'>();
    if (values) for (let i = 0; i < size; i++) data[start + i] = values[i] * scale;
    start += size;
  }
  return data;
}

function unpack(bucket: readonly Leaf[], data: Float32Array, grads: Map<string, Tensor>): void {
  let start = 0;
  for (const { path, shape, size } of bucket) {
    grads.set(path, tf.keep(tf.tensor(data.slice(start, start + size), shape, 'float32')));
    start += size;
  }
}
