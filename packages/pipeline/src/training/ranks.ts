import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import type { BatchPlan } from '@wbdc/data/web';
import { assertSame, single, type Communicator } from '@wbdc/distributed';
import { WbdcError } from '@wbdc/io/errors';
import { flatten, padBatch, type Batch, type ParamTree, type Part } from '@wbdc/nn';

/** The processes that train together, and what travels between them. */
export interface Ranks {
  /** Each calls the same function with the same options; rank 0 measures and writes. Default: this process alone. */
  readonly communicator?: Communicator | undefined;
}

/** Whether this process measures and writes: rank 0, or the only one. */
export function isRoot({ communicator = single }: Ranks): boolean {
  return communicator.rank === 0;
}

/** What this process computes of every batch; nothing where it is the only one. */
export function partHere({ communicator = single }: Ranks): Part | undefined {
  return communicator.size === 1 ? undefined : { index: communicator.rank, count: communicator.size };
}

/** The processes that divide the moments, where they do. */
export function shardsOver({ communicator = single, zero = 0 }: Ranks & { readonly zero?: 0 | 1 | undefined }) {
  return zero === 0 || communicator.size === 1 ? undefined : communicator;
}

/** What all processes must agree on before the first step. */
export interface Agreement {
  readonly plan: BatchPlan;
  readonly params: ParamTree;
  /** As JSON. */
  readonly settings: unknown;
  readonly model: unknown;
  readonly startStep: number;
  /** What travels between them. */
  readonly exchange: string;
}

/** @throws WbdcError that says which process differs in what, or that they outnumber a batch's examples */
export async function assertSameTraining(
  communicator: Communicator,
  { plan, params, settings, model, startStep, exchange }: Agreement,
): Promise<void> {
  if (communicator.size === 1) return;
  if (plan.batchSize < communicator.size) {
    throw new WbdcError({
      where: 'batchSize',
      expected: `at least one example for each of ${communicator.size} ranks`,
      got: String(plan.batchSize),
      advice: 'start fewer ranks or enlarge the batch: it is that of all ranks together',
    });
  }
  const facts = {
    seed: String(plan.seed),
    exchange,
    settings: hash(JSON.stringify(settings)),
    model: hash(JSON.stringify(model)),
    data: `of ${plan.lengths.length} examples, ${hash(Int32Array.from(plan.lengths))}`,
    'step to start from': String(startStep),
    weights: weightsHash(params),
  };
  await assertSame(communicator, facts, hostname());
}

function hash(...contents: (string | Int32Array | Float32Array)[]): string {
  const sum = createHash('sha256');
  for (const content of contents) {
    sum.update(
      typeof content === 'string' ? content : Buffer.from(content.buffer, content.byteOffset, content.byteLength),
    );
  }
  return sum.digest('hex').slice(0, 16);
}

function weightsHash(params: ParamTree): string {
  return hash(...flatten(params).map(({ leaf }) => leaf.dataSync<'float32'>() as Float32Array));
}

/**
 * A process's part of a batch with the columns of the whole, on which dropout's numbers depend. Every process calls it
 * for the same batches in the same order.
 */
export async function paddedAlike(batch: Batch, communicator: Communicator): Promise<Batch> {
  const sizes = Int32Array.of(batch.tokens.shape[1], batch.frameMask.shape[1]);
  await communicator.allReduce(sizes, 'max');
  return padBatch(batch, { length: sizes[0], frames: sizes[1] });
}
