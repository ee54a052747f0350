import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { formatSeconds } from '@wbdc/report/format';
import type { StageName } from '@wbdc/runner';
import { EXIT_INTERRUPTED, type Output } from '@wbdc/runner/cli';
import type { JobMessage, OutcomeMessage } from '@wbdc/runner/jobs';
import type { StartChild } from './child.js';
import { measuredText } from '@wbdc/report/progress';
import { deviceEnvironment, Devices } from './devices.js';
import { createDisplay, type Display } from './display.js';
import { runTasks, type Outcome, type Task } from './schedule.js';

/** A stage of a run, in a process of its own. */
export interface StageTask extends Task {
  /** Of the run. */
  readonly run: string;
  readonly stage: StageName;
  readonly config: string;
  readonly set: readonly string[];
  /** Nearly all others wait for it: it may have all cores. */
  readonly alone?: boolean;
}

/** What all stages are run with. */
export interface SharedOptions {
  /** Settings, as `--set` has them. */
  readonly set: readonly string[];
  readonly engine?: string;
  /** Of each; its share of the cores where nothing is said. */
  readonly threads?: number;
  readonly precision?: string;
  /** Cards to share out, as CUDA numbers them. */
  readonly devices?: readonly string[];
}

export interface JobsOptions {
  /** The folder of all runs, from the working folder. */
  readonly runs: string;
  /** Stages at a time. */
  readonly jobs: number;
  /** Settings that all of them get. */
  readonly options: SharedOptions;
  readonly startChild: StartChild;
  readonly output: Output;
  readonly signal: AbortSignal;
}

/** Runs stages side by side, each where it stopped, with an equal share of the cores; says what became of each. */
export async function runStageTasks(tasks: readonly StageTask[], jobs: JobsOptions): Promise<Map<string, Outcome>> {
  const display = createDisplay(jobs.output, tasks.length);
  const devices = new Devices(jobs.options.devices ?? []);
  const run = async (task: StageTask): Promise<Exclude<Outcome, 'blocked'>> => {
    const device = devices.take();
    try {
      return await runStageTask(task, jobs, display, device);
    } finally {
      devices.give(device);
    }
  };
  try {
    return await runTasks(tasks, { limit: jobs.jobs, signal: jobs.signal, run });
  } finally {
    display.stop();
  }
}

async function runStageTask(
  task: StageTask,
  jobs: JobsOptions,
  display: Display,
  device: string | undefined,
): Promise<Exclude<Outcome, 'blocked'>> {
  const { output, signal, startChild } = jobs;
  const { folder, now } = output.terminal;
  const env = { ...output.terminal.env, ...deviceEnvironment(device) };
  const log = join(jobs.runs, task.run, 'log.txt');
  const begun = now();
  let told: OutcomeMessage | undefined;
  const onMessage = (message: JobMessage): void => {
    if (message.type === 'progress') display.update(task.name, message);
    else if (message.type === 'stage') display.note(task.name, message.state === 'resumed' ? 'going on' : 'started');
    else told = message;
  };
  display.start(task.name);
  const threads = jobs.options.threads ?? threadsFor(task.alone ? 1 : jobs.jobs);
  const args = [task.stage, ...argumentsOf(task, jobs.runs, { ...jobs.options, threads })];
  const code = await startChild({ args, folder, env, log: join(folder, log), onMessage, signal });
  const outcome = code === 0 ? 'done' : code === EXIT_INTERRUPTED || signal.aborted ? 'stopped' : 'failed';
  display.end(task.name, endLine({ name: task.name, outcome, seconds: (now() - begun) / 1000, code, told, log }));
  return outcome;
}

/** The share of the cores that each of so many has. */
export function threadsFor(jobs: number, cores = availableParallelism()): number {
  return Math.max(1, Math.floor(cores / jobs));
}

/** What a stage is run with, behind its name. Without `threads` it has the cores that it finds. */
export function argumentsOf({ config, run, set }: StageTask, runs: string, options: SharedOptions): string[] {
  const all = [`run.folder=${runs}`, ...set, ...options.set];
  return [
    ...['--config', config, '--name', run, '--resume'],
    ...(options.threads === undefined ? [] : ['--threads', String(options.threads)]),
    ...(options.engine === undefined ? [] : ['--engine', options.engine]),
    ...(options.precision === undefined ? [] : ['--precision', options.precision]),
    ...all.flatMap((setting) => ['--set', setting]),
  ];
}

interface Ended {
  readonly name: string;
  readonly outcome: Exclude<Outcome, 'blocked'>;
  readonly seconds: number;
  readonly code: number | NodeJS.Signals;
  /** What it said itself, unless it was killed before. */
  readonly told: OutcomeMessage | undefined;
  readonly log: string;
}

/** The line that stays of a stage. */
export function endLine({ name, outcome, seconds, code, told, log }: Ended): string {
  if (told?.outcome === 'found') return `done     ${name} (before)`;
  const line = `${outcome.padEnd(8)} ${name} (${formatSeconds(seconds)})`;
  if (outcome === 'failed') return `${line}: ${whyFailed(code, told)}\n         all that it printed: ${log}`;
  const scores = measuredText(told?.scores ?? {});
  return outcome === 'done' && scores !== '' ? `${line}: ${scores}` : line;
}

function whyFailed(code: number | NodeJS.Signals, told: OutcomeMessage | undefined): string {
  if (typeof code === 'number') return told?.error ?? `ended with exit code ${code} and no message`;
  const memory = code === 'SIGKILL' ? ', as the system does where memory runs out: fewer --jobs need less' : '';
  return `killed by ${code}${memory}`;
}
