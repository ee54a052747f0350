import { execFile } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { readIfThere, writeFileAtomic, writeJson } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';
import { EXIT_REQUEUE } from '@wbdc/io/interrupt';

/** A command to be run by Slurm, and what must have succeeded before. */
export interface SlurmJob {
  readonly name: string;
  /** The program and its arguments. */
  readonly command: readonly string[];
  /** Names of jobs before it in the list. */
  readonly needs: readonly string[];
  /** Runs it so many times as an array: each has `SLURM_ARRAY_TASK_ID` and `SLURM_ARRAY_TASK_COUNT`. */
  readonly array?: number | undefined;
  /** Runs it as so many ranks of MPI. */
  readonly ranks?: number | undefined;
  /** Variables of its environment, besides those of the process that submits; of an array `%a` stands for the task. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface SlurmOptions {
  /** Gets a script, the output and the exit code of each job, and `jobs.json`; common to all nodes. */
  readonly folder: string;
  /** Where the commands run, common to all nodes too. */
  readonly workingFolder: string;
  /** Options of `sbatch` for all jobs: `--partition=gpu`, `--time=2:00:00`. */
  readonly sbatch?: readonly string[];
  /** Starts ranks; `srun --mpi=pmix` where Slurm has it. Default `mpirun`, which asks Slurm for its nodes. */
  readonly launcher?: readonly string[];
}

/**
 * `waiting`: for nodes or for other jobs; `blocked`: what it needs did not succeed; `lost`: no longer there, without an
 * exit code: cancelled, killed at its time limit, or its node was lost.
 */
export type SlurmState = 'waiting' | 'running' | 'done' | 'failed' | 'blocked' | 'lost';

/** A job that Slurm has taken. */
export interface SubmittedJob {
  readonly name: string;
  readonly id: string;
  readonly needs: readonly string[];
  /** Of an array, else 1. */
  readonly tasks: number;
  /** What it prints; of an array `%a` stands for the task. */
  readonly output: string;
}

/**
 * Submits jobs in their order, each after those it needs (`--dependency=afterok`). Before a time limit each is sent
 * SIGUSR1; one that ends with {@link EXIT_REQUEUE}, as `wbdc` then does, goes back into the queue. What an earlier
 * submission from the same folder has in the queue, or has done with the same command, is not submitted again.
 *
 * @throws WbdcError where there is no Slurm, or it refuses a job; then nothing of this submission is left in the queue
 */
export async function submitToSlurm(jobs: readonly SlurmJob[], options: SlurmOptions): Promise<SubmittedJob[]> {
  const { folder } = options;
  await mkdir(folder, { recursive: true });
  const queue = await readQueue();
  const before = new Map((await submittedFrom(folder)).map((job) => [job.name, job]));
  const taken = new Map<string, { readonly job: SubmittedJob; readonly how: 'queued' | 'done' | 'fresh' }>();
  try {
    for (const job of jobs) {
      const needs = job.needs.map((need) => {
        const found = taken.get(need);
        if (!found) throw new RangeError(`${job.name}: expected the jobs it needs before it, got no ${need}`);
        return found;
      });
      const earlier = before.get(job.name);
      const script = slurmScript(job, join(folder, fileNameOf(job.name)), options.launcher);
      if (earlier && queue.has(earlier.id)) taken.set(job.name, { job: earlier, how: 'queued' });
      else if (earlier && needs.every(({ how }) => how === 'done') && (await isDone(earlier, script))) {
        taken.set(job.name, { job: earlier, how: 'done' });
      } else {
        const ids = needs.filter(({ how }) => how !== 'done').map((need) => need.job.id);
        taken.set(job.name, { job: await submit(job, script, ids, options), how: 'fresh' });
      }
    }
  } catch (error) {
    const fresh = [...taken.values()].filter(({ how }) => how === 'fresh').map(({ job }) => job.id);
    if (fresh.length > 0) await slurm('scancel', fresh);
    throw error;
  }
  const all = [...taken.values()].map(({ job }) => job);
  await writeJson(join(folder, JOBS), all);
  return all;
}

const JOBS = 'jobs.json';

async function submittedFrom(folder: string): Promise<SubmittedJob[]> {
  const text = await readIfThere(join(folder, JOBS));
  return text === undefined ? [] : (JSON.parse(text) as SubmittedJob[]);
}

async function isDone(job: SubmittedJob, script: string): Promise<boolean> {
  const same = (await readIfThere(`${fileOf(job)}.sh`)) === script;
  return same && (await codesOf(job)).every((code) => code === 0);
}

async function submit(
  { name, needs, array, ranks }: SlurmJob,
  script: string,
  ids: readonly string[],
  { folder, workingFolder, sbatch = [] }: SlurmOptions,
): Promise<SubmittedJob> {
  const file = join(folder, fileNameOf(name));
  const output = `${file}${array === undefined ? '' : '-%a'}.txt`;
  await writeFileAtomic(`${file}.sh`, script);
  const codes = Array.from({ length: array ?? 1 }, (_, i) => `${file}.code${array === undefined ? '' : `-${i}`}`);
  await Promise.all(codes.map((path) => rm(path, { force: true }))); // of an earlier submission
  const printed = await slurm('sbatch', [
    '--parsable',
    '--requeue',
    '--kill-on-invalid-dep=yes',
    '--open-mode=append',
    '--signal=B:USR1@120',
    `--job-name=${name.replaceAll(' ', '-')}`,
    `--chdir=${workingFolder}`,
    `--output=${output}`,
    ...(ids.length > 0 ? [`--dependency=afterok:${ids.join(':')}`] : []),
    ...(array === undefined ? [] : [`--array=0-${array - 1}`]),
    ...(ranks === undefined ? [] : [`--ntasks=${ranks}`]),
    ...sbatch,
    `${file}.sh`,
  ]);
  return { name, id: printed.trim().split(';')[0], needs, tasks: array ?? 1, output };
}

/** The batch script of a job. `file` is the path of its exit codes without their ending. */
export function slurmScript(
  { command, array, ranks, env = {} }: SlurmJob,
  file: string,
  launcher: readonly string[] = ['mpirun'],
): string {
  const valueOf = (text: string): string =>
    (array === undefined ? [text] : text.split('%a')).map(quoted).join('"$SLURM_ARRAY_TASK_ID"');
  return `#!/bin/bash
code=${quoted(`${file}.code`)}\${SLURM_ARRAY_TASK_ID:+-$SLURM_ARRAY_TASK_ID}
${Object.entries(env)
  .map(([name, value]) => `export ${name}=${valueOf(value)}\n`)
  .join('')}pid= signals=0
trap 'signals=$((signals + 1)); [ -z "$pid" ] || kill -USR1 $pid' USR1 TERM # before the command: one may come at once
rm -f "$code" # of a time before it was put back into the queue
${(ranks === undefined ? command : [...launcher, ...command]).map(quoted).join(' ')} &
pid=$!
[ $signals = 0 ] || kill -USR1 $pid
while
  before=$signals
  wait $pid
  status=$?
  [ $signals != $before ] # one ended the waiting, perhaps not the command: its status is still to be had
do :; done
if [ $status = ${EXIT_REQUEUE} ]; then
  scontrol requeue "\${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}\${SLURM_ARRAY_TASK_ID:+_$SLURM_ARRAY_TASK_ID}"
  exit $status
fi
echo $status >"$code"
exit $status
`;
}

function quoted(word: string): string {
  return /^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

function fileNameOf(name: string): string {
  return name.replaceAll(/[^\w.-]+/g, '-');
}

export interface WatchSlurmOptions {
  /** Told every state of a job once, and again where it changes. */
  readonly onState: (job: SubmittedJob, state: SlurmState) => void | Promise<void>;
  /** Called after every look at the queue. */
  readonly onLook?: () => void | Promise<void>;
  readonly signal?: AbortSignal;
  readonly everySeconds?: number;
}

/**
 * Looks one after another at which a job is nowhere before it counts as lost: its exit code may be on its way from
 * another machine, or Slurm is putting it back into the queue.
 */
const MOST_MISSES = 4;

/** Says how jobs are, in their order, until none is left in the queue or `signal` aborts. */
export async function watchSlurm(
  jobs: readonly SubmittedJob[],
  { onState, onLook, signal, everySeconds = 5 }: WatchSlurmOptions,
): Promise<Map<string, SlurmState>> {
  const states = new Map<string, SlurmState>();
  const missed = new Map<string, number>();
  for (;;) {
    const now = await statesOf(jobs);
    let left = false;
    for (const job of jobs) {
      const state = now.get(job.name)!;
      const misses = state === 'lost' ? (missed.get(job.name) ?? 0) + 1 : 0;
      missed.set(job.name, misses);
      const early = misses > 0 && misses < MOST_MISSES;
      left ||= early || state === 'waiting' || state === 'running';
      if (early || states.get(job.name) === state) continue;
      states.set(job.name, state);
      await onState(job, state);
    }
    await onLook?.();
    if (!left || signal?.aborted) return states;
    await sleep(everySeconds * 1000, undefined, { signal }).catch(() => undefined);
  }
}

/** How jobs are, by name. Needs no accounting in Slurm: what has ended is known by its exit code in the folder. */
export async function statesOf(jobs: readonly SubmittedJob[]): Promise<Map<string, SlurmState>> {
  const queue = await readQueue();
  const states = new Map<string, SlurmState>();
  for (const job of jobs) {
    const queued = queue.get(job.id);
    if (queued) states.set(job.name, queued);
    else {
      const codes = await codesOf(job);
      const ok = codes.every((code) => code === 0);
      const needed = job.needs.map((name) => states.get(name));
      const blocked = codes.every((code) => code === undefined) && needed.some((state) => state && ENDED.has(state));
      const failed = codes.some((code) => code !== undefined && code !== 0);
      states.set(job.name, ok ? 'done' : failed ? 'failed' : blocked ? 'blocked' : 'lost');
    }
  }
  return states;
}

/** States of jobs after which those that need them do not begin. */
const ENDED: ReadonlySet<SlurmState> = new Set(['failed', 'blocked', 'lost']);

/** The exit code of each task of a job; of those that have not ended, or go back into the queue, none. */
export function codesOf(job: SubmittedJob): Promise<(number | undefined)[]> {
  const array = job.output.endsWith('-%a.txt');
  return Promise.all(
    Array.from({ length: job.tasks }, async (_, i) => {
      const text = await readIfThere(`${fileOf(job)}.code${array ? `-${i}` : ''}`);
      return text === undefined ? undefined : Number(text);
    }),
  );
}

/** The path of what a job leaves, without the ending. */
function fileOf({ output }: SubmittedJob): string {
  return output.replace(/(-%a)?\.txt$/, '');
}

/** Jobs of this user by id, those of an array together. */
async function readQueue(): Promise<Map<string, 'waiting' | 'running'>> {
  const lines = (await slurm('squeue', ['--me', '--noheader', '--format=%F %T'])).split('\n').filter(Boolean);
  const queue = new Map<string, 'waiting' | 'running'>();
  for (const line of lines) {
    const [id, state] = line.trim().split(/\s+/);
    const waits = state === 'PENDING' || state.startsWith('REQUEUE');
    if (!waits || !queue.has(id)) queue.set(id, waits ? 'waiting' : 'running');
  }
  return queue;
}

async function slurm(program: string, args: readonly string[]): Promise<string> {
  try {
    return (await promisify(execFile)(program, [...args])).stdout;
  } catch (cause) {
    const { code, stderr } = cause as { code?: unknown; stderr?: string };
    const missing = code === 'ENOENT';
    const said = (stderr ?? '').trim().split('\n').at(-1)!.slice(0, 500);
    throw new WbdcError(
      {
        where: program,
        expected: missing ? 'a machine from which Slurm takes jobs' : 'Slurm to take the job',
        got: missing ? 'no such program' : said || `exit code ${String(code)}`,
        ...(missing && { advice: 'run it where sinfo shows your cluster' }),
        code: 'slurm',
      },
      { cause },
    );
  }
}
