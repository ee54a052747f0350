import { join, resolve } from 'node:path';
import { readIfThere } from '@wbdc/io';
import {
  codesOf,
  submitToSlurm,
  watchSlurm,
  type SlurmJob,
  type SlurmState,
  type SubmittedJob,
} from '@wbdc/distributed/slurm';
import { counted } from '@wbdc/report/format';
import type { Output } from '@wbdc/runner/cli';
import { MESSAGES_VARIABLE, type OutcomeMessage, type ProgressMessage } from '@wbdc/runner/jobs';
import { parseJobMessage } from './messages.js';
import { createDisplay } from './display.js';
import { argumentsOf, endLine, type SharedOptions, type StageTask } from './run-jobs.js';
import type { Outcome } from './schedule.js';

/** How stages are divided between the machines of a cluster. */
interface SlurmStages {
  /** Parts of the features of each run, an array of jobs; 1 is one job. */
  readonly shards: number;
  /** Processes of each training; 1 is one, without MPI. */
  readonly ranks: number;
  /** Options of sbatch for all jobs. */
  readonly sbatch: readonly string[];
}

export interface SlurmStagesOptions extends SlurmStages {
  /** The folder of all runs, from the working folder. */
  readonly runs: string;
  readonly options: SharedOptions;
  /** The program of a stage. */
  readonly program: string;
  readonly output: Output;
  readonly signal: AbortSignal;
}

const TRAINED: readonly string[] = ['clip', 'pretrain', 'finetune'];

/** Stages as jobs of Slurm: each after what it reads, features in parts as an array that another job puts together. */
export function slurmJobsOf(
  tasks: readonly StageTask[],
  { shards, ranks, runs, options, program }: Omit<SlurmStagesOptions, 'output' | 'signal' | 'sbatch'>,
  folder: string,
): SlurmJob[] {
  return tasks.flatMap((task): SlurmJob[] => {
    const { name, needs, stage } = task;
    const command = (of: string): string[] => [process.execPath, program, of, ...argumentsOf(task, runs, options)];
    const messages = (of: string): Record<string, string> => ({ [MESSAGES_VARIABLE]: messagesOf(folder, of) });
    const env = messages(name);
    if (stage === 'features' && shards > 1) {
      const parts = `${name}${PARTS}`;
      return [
        { name: parts, needs, array: shards, command: command(stage), env: messages(`${parts} %a`) },
        { name, needs: [parts], command: command('merge-features'), env },
      ];
    }
    return [{ name, needs, command: command(stage), env, ...(ranks > 1 && TRAINED.includes(stage) && { ranks }) }];
  });
}

/** Behind the name of a stage: its parts, an array. */
const PARTS = ' parts';

function messagesOf(folder: string, name: string): string {
  return join(folder, `${name.replaceAll(' ', '-')}.jsonl`);
}

/** Submits stages that are not in Slurm's queue already; says what became of it. */
export async function submitStages(
  tasks: readonly StageTask[],
  options: SlurmStagesOptions,
): Promise<readonly SubmittedJob[]> {
  const { output, runs, sbatch } = options;
  const workingFolder = resolve(output.terminal.folder);
  const folder = resolve(workingFolder, runs, 'slurm');
  const jobs = await submitToSlurm(slurmJobsOf(tasks, options, folder), { folder, workingFolder, sbatch });
  output.say(
    `${counted(jobs.length, 'job')} of Slurm, ${jobs[0].id} to ${jobs.at(-1)!.id}; output in ${join(runs, 'slurm')}`,
  );
  return jobs;
}

/** Shows submitted stages as those that run here are shown, until none is left or the signal aborts. */
export async function watchStages(
  tasks: readonly StageTask[],
  jobs: readonly SubmittedJob[],
  { runs, output, signal, everySeconds = 5 }: SlurmStagesOptions & { readonly everySeconds?: number },
): Promise<Map<string, Outcome>> {
  const display = createDisplay(output, tasks.length);
  const folder = resolve(output.terminal.folder, runs, 'slurm');
  const begun = new Map<string, number>();
  const running = new Set<string>();
  const outcomes = new Map<string, Outcome>(tasks.map(({ name }) => [name, 'stopped']));
  const onState = async (job: SubmittedJob, state: SlurmState): Promise<void> => {
    const { name } = job;
    if (state === 'running') {
      if (!running.has(name)) display.start(name);
      begun.set(name, begun.get(name) ?? output.terminal.now());
      running.add(name);
      return;
    }
    running.delete(name);
    const stage = job.tasks > 1 ? name.slice(0, -PARTS.length) : name;
    const waits = state === 'waiting' || (job.tasks > 1 && state !== 'failed' && state !== 'lost');
    const isTold = state === 'blocked' && outcomes.get(stage) === 'failed'; // its parts failed
    if (waits || isTold || stage !== name) display.drop(name);
    if (waits || isTold) return; // back in the queue, or parts that another job puts together
    const outcome = OUTCOMES[state];
    outcomes.set(stage, outcome);
    if (outcome === 'blocked') return;
    const seconds = (output.terminal.now() - (begun.get(name) ?? output.terminal.now())) / 1000;
    const { told, log } = await toldBy(job, state, folder);
    const code = outcome === 'done' ? 0 : 1;
    display.end(stage, endLine({ name: stage, outcome, seconds, code, told, log: join(runs, 'slurm', log) }));
  };
  const onLook = async (): Promise<void> => {
    for (const job of jobs) {
      if (!running.has(job.name)) continue;
      const progress =
        job.tasks > 1 ? await partsDone(job, folder) : (await lastMessages(messagesOf(folder, job.name))).progress;
      if (progress) display.update(job.name, progress);
    }
  };
  try {
    await watchSlurm(jobs, { onState, onLook, signal, everySeconds });
    return outcomes;
  } finally {
    display.stop();
  }
}

const OUTCOMES = { done: 'done', failed: 'failed', lost: 'failed', blocked: 'blocked' } as const;

const LOST: OutcomeMessage = {
  type: 'outcome',
  outcome: 'failed',
  error: 'left the queue without an exit code: cancelled, over its time limit, or its node was lost',
};

/** How a job that has ended says why, or what it came to, and the file of all that it printed. */
async function toldBy(
  job: SubmittedJob,
  state: SlurmState,
  folder: string,
): Promise<{ told: OutcomeMessage | undefined; log: string }> {
  const codes = await codesOf(job);
  const failed = codes.findIndex((code) => (state === 'lost' ? code === undefined : code !== undefined && code !== 0));
  const of = (text: string): string => text.replace('%a', String(failed));
  const messages = messagesOf(folder, job.tasks > 1 ? of(`${job.name} %a`) : job.name);
  const told = state === 'lost' ? LOST : ((await lastMessages(messages)).outcome ?? (await lastError(of(job.output))));
  return { told, log: of(job.output).slice(folder.length + 1) };
}

/** Parts that have ended, and the shares of those that have not. */
async function partsDone(job: SubmittedJob, folder: string): Promise<Omit<ProgressMessage, 'type'>> {
  const codes = await codesOf(job);
  const shares = codes.map(async (code, part) => {
    if (code !== undefined) return 1;
    const { progress, outcome } = await lastMessages(messagesOf(folder, `${job.name} ${part}`));
    // An outcome without an exit code is of an earlier submission.
    return progress === undefined || outcome !== undefined ? 0 : progress.done / Math.max(1, progress.total);
  });
  const done = (await Promise.all(shares)).reduce((sum, share) => sum + share, 0);
  const ended = codes.filter((code) => code !== undefined).length;
  return { done: Math.floor(100 * done) / 100, total: job.tasks, unit: 'parts', note: `${ended} ended` };
}

/** Lines of an output that are looked at for the error that ended it: launchers say much after it. */
const LAST_LINES = 40;

/** The last error that a job has printed: one of several ranks that fails or dies has no message to send. */
async function lastError(output: string): Promise<OutcomeMessage | undefined> {
  const lines = ((await readIfThere(output)) ?? '').split('\n').slice(-LAST_LINES);
  const error = lines.findLast((line) => line.startsWith('error: '))?.slice('error: '.length);
  return error === undefined ? undefined : { type: 'outcome', outcome: 'failed', error };
}

/** What a stage has told last since it began. */
async function lastMessages(file: string): Promise<{ progress?: ProgressMessage; outcome?: OutcomeMessage }> {
  const lines = ((await readIfThere(file)) ?? '').split('\n').slice(0, -1);
  const last: { progress?: ProgressMessage; outcome?: OutcomeMessage } = {};
  for (const line of lines.toReversed()) {
    const message = parseJobMessage(line);
    if (message?.type === 'progress') last.progress ??= message;
    else if (message?.type === 'outcome') last.outcome ??= message;
    else if (message?.type === 'stage') break;
  }
  return last;
}
