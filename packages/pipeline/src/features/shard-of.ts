import { launchedAs } from '@wbdc/distributed/node';
import { WbdcError } from '@wbdc/io/errors';

/** A part of a stage's work: number `index`, from 0, of `count`. */
export interface Shard {
  readonly index: number;
  readonly count: number;
  /** Who said so, for people: `--shard 3/16`. */
  readonly source: string;
}

export interface ShardOptions {
  readonly shard?: string;
  readonly shards?: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The part that a command is asked for: by `--shard i/n`, or as the task of a Slurm array, the pod of a Kubernetes
 * Indexed Job or the rank of mpirun or srun that it is. Nothing where the work is not divided; `--shard 0/1` says so
 * whatever the environment says.
 */
export function shardOf(options: ShardOptions, env: Environment): Shard | undefined {
  const shard = fromOption(options) ?? fromSlurm(options, env) ?? fromKubernetes(options, env) ?? fromLauncher(env);
  if (shard === undefined && options.shards !== undefined) {
    throw wrongShard(
      `--shards ${options.shards}: expected the number of this shard in SLURM_ARRAY_TASK_ID or JOB_COMPLETION_INDEX, ` +
        'got neither: use --shard i/n',
    );
  }
  return shard === undefined || shard.count === 1 ? undefined : shard;
}

function fromOption({ shard, shards }: ShardOptions): Shard | undefined {
  if (shard === undefined) return undefined;
  const [index, count] = (/^(\d+)\/(\d+)$/.exec(shard)?.slice(1) ?? []).map(Number);
  if (!(index < count)) {
    throw wrongShard(`--shard ${shard}: expected i/n with i from 0 to n - 1, for example 0/16 to 15/16`);
  }
  if (shards !== undefined && shards !== count)
    throw wrongShard(`--shard ${shard}: expected --shards ${count}, or none, got ${shards}`);
  return { index, count, source: `--shard ${shard}` };
}

/** An array `--array=4-19:3` numbers its tasks 4, 7, 10...: shards count from 0. */
function fromSlurm({ shards }: ShardOptions, env: Environment): Shard | undefined {
  const id = env['SLURM_ARRAY_TASK_ID'];
  const count = shards ?? wholeNumber(env['SLURM_ARRAY_TASK_COUNT']);
  if (id === undefined || count === undefined) return undefined;
  const first = wholeNumber(env['SLURM_ARRAY_TASK_MIN']) ?? 0;
  const step = wholeNumber(env['SLURM_ARRAY_TASK_STEP']) ?? 1;
  return checked((Number(id) - first) / step, count, `SLURM_ARRAY_TASK_ID=${id} of ${count}`);
}

function fromLauncher(env: Environment): Shard | undefined {
  const launched = launchedAs(env);
  if (launched === undefined) return undefined;
  const { rank: index, size: count, launcher } = launched;
  return { index, count, source: `rank ${index} of ${launcher}` };
}

/** Kubernetes tells a pod its number, not how many there are. */
function fromKubernetes({ shards }: ShardOptions, env: Environment): Shard | undefined {
  const id = env['JOB_COMPLETION_INDEX'];
  if (id === undefined) return undefined;
  const count = shards ?? wholeNumber(env['JOB_COMPLETIONS']);
  if (count === undefined) {
    throw wrongShard(
      `JOB_COMPLETION_INDEX=${id}: expected the job's completions in --shards or JOB_COMPLETIONS, got neither; ` +
        '--shard 0/1 does all the work here',
    );
  }
  return checked(Number(id), count, `JOB_COMPLETION_INDEX=${id} of ${count}`);
}

function checked(index: number, count: number, source: string): Shard {
  if (Number.isInteger(index) && index >= 0 && index < count) return { index, count, source };
  throw wrongShard(`${source}: expected a shard from 0 to ${count - 1}, got ${index}: use --shard i/n`);
}

function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

/** The name of a shard's folder; names sort as shards follow. */
export function shardName({ index, count }: Pick<Shard, 'index' | 'count'>): string {
  const four = (value: number): string => String(value).padStart(4, '0');
  return `${four(index)}-of-${four(count)}`;
}

/** The shard that a folder is named after. */
export function parseShardName(name: string): Pick<Shard, 'index' | 'count'> | undefined {
  const [index, count] = (/^(\d{4,})-of-(\d{4,})$/.exec(name)?.slice(1) ?? []).map(Number);
  return index < count ? { index, count } : undefined;
}

function wrongShard(message: string): WbdcError {
  return Object.assign(new WbdcError(message), { code: 'shard-wrong' });
}
