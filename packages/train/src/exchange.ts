import * as tf from '@tensorflow/tfjs';
import type { Tensor } from '@tensorflow/tfjs';
import type { Communicator } from '@wbdc/distributed';
import { flatten, fusedKernel, type MetricSum, type ParamTree } from '@wbdc/nn';
import { beginBfloat16Sum, beginSum, type BegunSum } from './begun-sum.js';
import { disposeGrads, type PartExchange, type ValueAndGrad } from './gradients.js';
import { bucketsOf } from './shards.js';

/** In what gradients travel: as they are, or rounded to 8 bits of mantissa, which halves the bytes. */
export type GradientDtype = 'fp32' | 'bf16';

/** Several processes that train as one: what each has computed of a batch becomes what all have. */
export interface Exchange {
  readonly communicator: Communicator;
  /**
   * Begins the exchange of a part. `even`: every loss is divided by a share of what was asked in all and multiplied by
   * `share`, and the whole is their sum: gradients travel as soon as they are handed over. Else the parts weigh by
   * their counts, which are known at the end.
   */
  begin(even: boolean): PartExchange;
  /** Of every process in an even exchange: 1 / size. */
  readonly share: number;
  /** Takes memory back: none of the gradients that were exchanged is read any more. */
  release(): void;
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
  const buckets = newBuckets(params, trains);
  const memory = new BucketMemory();
  const begin = dtype === 'bf16' ? beginBfloat16Sum : beginSum;
  return {
    communicator,
    share: 1 / communicator.size,
    begin: (even) => new Sending({ communicator, buckets, memory, begin, even }),
    release: () => memory.release(),
    total: (numbers) => addUp(texts(communicator, numbers).map((text) => JSON.parse(text) as Record<string, number>)),
    any: (own) => {
      const flag = Int32Array.of(own ? 1 : 0);
      communicator.blocking.allReduce(flag, 'max');
      return flag[0] === 1;
    },
  };
}

/** A parameter, and where its gradient is among those of its bucket. */
interface Leaf {
  readonly path: string;
  readonly shape: number[];
  readonly size: number;
  readonly at: number;
}

interface Bucket {
  readonly leaves: readonly Leaf[];
  readonly length: number;
}

/** The same on every process, in about the order in which a backward pass finds gradients: the last layers' first. */
function newBuckets(params: ParamTree, trains: (path: string) => boolean): Bucket[] {
  const leaves = flatten(params).filter(({ path }) => trains(path));
  const sized = leaves.map(({ path, leaf }) => ({ path, shape: leaf.shape, size: leaf.size }));
  return bucketsOf(sized.reverse()).map((bucket) => {
    let length = 0;
    const placed = bucket.map((leaf): Leaf => {
      const at = length;
      length += leaf.size;
      return { ...leaf, at };
    });
    return { leaves: placed, length };
  });
}

/** Memory of buckets, used again in the next step: fresh memory costs more than a copy into it. */
class BucketMemory {
  private readonly free = new Map<Bucket, Float32Array>();
  private readonly taken = new Map<Bucket, Float32Array>();

  /** With any values. */
  take(bucket: Bucket): Float32Array {
    const data = this.free.get(bucket) ?? new Float32Array(bucket.length);
    this.free.delete(bucket);
    this.taken.set(bucket, data);
    return data;
  }

  release(): void {
    for (const [bucket, data] of this.taken) this.free.set(bucket, data);
    this.taken.clear();
  }
}

interface SendingOptions extends Pick<Exchange, 'communicator'> {
  readonly buckets: readonly Bucket[];
  readonly memory: BucketMemory;
  readonly begin: (communicator: Communicator, data: Float32Array) => BegunSum;
  readonly even: boolean;
}

/** A bucket on its way. */
interface Parcel {
  readonly bucket: Bucket;
  readonly data: Float32Array;
  /** Gradients that are not there yet. */
  readonly missing: Set<string>;
  begun?: BegunSum;
}

/** The exchange of one part. Buckets are sent in their order, whatever each process has first. */
class Sending implements PartExchange {
  readonly hand: PartExchange['hand'];
  private readonly parcels: readonly Parcel[];
  private readonly places: ReadonlyMap<string, { readonly parcel: Parcel; readonly leaf: Leaf }>;
  private sent = 0;

  constructor(private readonly options: SendingOptions) {
    this.parcels = options.buckets.map((bucket) => {
      const missing = new Set(bucket.leaves.map(({ path }) => path));
      return { bucket, data: options.memory.take(bucket), missing };
    });
    const places = this.parcels.flatMap((parcel) =>
      parcel.bucket.leaves.map((leaf) => [leaf.path, { parcel, leaf }] as const),
    );
    this.places = new Map(places);
    this.hand = options.even ? (...args) => this.take(...args) : undefined;
  }

  private take(path: string, grad: Tensor | undefined): void {
    const { parcel, leaf } = this.places.get(path)!;
    copyOut(grad, parcel.data, leaf);
    parcel.missing.delete(path);
    this.send();
    this.parcels[this.sent - 1]?.begun?.advance();
  }

  /** Begins to add up the buckets that are full and whose turn it is. */
  private send(): void {
    const { communicator, begin } = this.options;
    for (; this.sent < this.parcels.length && this.parcels[this.sent].missing.size === 0; this.sent++) {
      const parcel = this.parcels[this.sent];
      parcel.begun = begin(communicator, parcel.data);
    }
  }

  whole(own: ValueAndGrad): ValueAndGrad {
    const { communicator, even } = this.options;
    const early = even ? undefined : tell(communicator, own, even);
    for (const { bucket, data, missing } of this.parcels) {
      for (const leaf of bucket.leaves.filter(({ path }) => missing.has(path))) {
        copyOut(own.grads.get(leaf.path), data, leaf, early?.scale);
      }
      missing.clear();
    }
    this.send();
    disposeGrads(own.grads);
    const told = early ?? tell(communicator, own, even);
    for (const { begun } of this.parcels) begun!.reduce();
    const grads = new Map<string, Tensor>();
    for (const { bucket, data, begun } of this.parcels) {
      begun!.finish();
      for (const { path, shape, size, at } of bucket.leaves.filter(({ path }) => told.reached.has(path))) {
        grads.set(path, tf.keep(tf.tensor(data.subarray(at, at + size), shape, 'float32')));
      }
    }
    const unreached = [...this.places.keys()].filter((path) => !told.reached.has(path));
    return { loss: told.loss, count: told.count, metrics: told.metrics, grads, unreached };
  }
}

/** A gradient times a factor into its place, zeros where there is none. */
function copyOut(grad: Tensor | undefined, data: Float32Array, { at, size }: Leaf, scale = 1): void {
  if (grad === undefined) return void data.fill(0, at, at + size);
  if (fusedKernel('WbdcCopyOut', { x: grad }, { data, at }) === undefined) data.set(grad.dataSync<'float32'>(), at);
  if (scale !== 1) for (let i = at; i < at + size; i++) data[i] *= scale;
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
    loss: all.reduce((sum, one) => sum + Number(one.loss) * one.weight, 0) / (even ? 1 : total),
    metrics: addMetrics(all.map((one) => ({ metrics: metricsOf(one) }))),
    count,
    scale: even ? 1 : weight / total,
    reached: new Set(reached),
  };
}

/** Sums and counts of metrics, added up by name. */
export function addMetrics(all: readonly Pick<ValueAndGrad, 'metrics'>[]): Record<string, MetricSum> {
  const totals: Record<string, MetricSum> = {};
  for (const [name, { sum, count }] of all.flatMap(({ metrics }) => Object.entries(metrics))) {
    const before = totals[name] ?? { sum: 0, count: 0 };
    totals[name] = { sum: before.sum + sum, count: before.count + count };
  }
  return totals;
}

/** As they were before they became texts. */
function metricsOf({ metrics }: Said): Record<string, MetricSum> {
  const entries = Object.entries(metrics).map(([name, [sum, count]]) => [name, { sum: Number(sum), count }] as const);
  return Object.fromEntries(entries);
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
