import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { StageOptions } from '../commands/options.js';
import { UserError } from '../errors.js';
import { formatSeconds } from '../format.js';
import { EXIT_INTERRUPTED } from '../interrupt.js';
import type { Output } from '../output.js';
import type { StageName } from '../stage.js';
import type { StartChild } from './child.js';
import { createDisplay } from './display.js';
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

export interface JobsOptions {
  /** The folder of all runs, from the working folder. */
  readonly runs: string;
  /** Stages at a time. */
  readonly jobs: number;
  /** Settings that all of them get. */
  readonly options: StageOptions;
  readonly startChild: StartChild;
  readonly output: Output;
  readonly signal: AbortSignal;
}

/** Runs stages side by side, each where it stopped, with an equal share of the cores; says what became of each. */
export async function runStageTasks(tasks: readonly StageTask[], jobs: JobsOptions): Promise<Map<string, Outcome>> {
  const { output, signal } = jobs;
  const display = createDisplay(output, tasks.length);
  const run = async (task: StageTask): Promise<Exclude<Outcome, 'blocked'>> => {
    const { terminal } = output;
    const log = join(jobs.runs, task.run, 'log.txt');
    const begun = terminal.now();
    display.start(task.name);
    const from = (await readLog(join(terminal.folder, log))).length;
    const code = await jobs.startChild({
      args: argumentsOf(task, jobs),
      folder: terminal.folder,
      env: terminal.env,
      log: join(terminal.folder, log),
      onProgress: (message) => display.update(task.name, message),
      signal,
    });
    const outcome = code === 0 ? 'done' : code === EXIT_INTERRUPTED || signal.aborted ? 'stopped' : 'failed';
    const printed = (await readLog(join(terminal.folder, log))).slice(from);
    const text = typeof code === 'string' ? `error: ${killedBy(code)}` : printed;
    display.end(task.name, endLine(task, outcome, (terminal.now() - begun) / 1000, text, log));
    return outcome;
  };
  try {
    return await runTasks(tasks, { limit: jobs.jobs, signal, run });
  } finally {
    display.stop();
  }
}

/** The share of the cores that each of so many has. */
export function threadsFor(jobs: number, cores = availableParallelism()): number {
  return Math.max(1, Math.floor(cores / jobs));
}

function argumentsOf({ stage, config, run, set, alone }: StageTask, { runs, jobs, options }: JobsOptions): string[] {
  const all = [`run.folder=${runs}`, ...set, ...options.set];
  return [
    stage,
    ...['--config', config, '--name', run, '--resume'],
    ...['--threads', String(options.threads ?? threadsFor(alone ? 1 : jobs))],
    ...(options.engine === undefined ? [] : ['--engine', options.engine]),
    ...(options.precision === undefined ? [] : ['--precision', options.precision]),
    ...all.flatMap((setting) => ['--set', setting]),
  ];
}

const WORDS: Readonly<Record<Exclude<Outcome, 'blocked'>, string>> = {
  done: 'done    ',
  failed: 'failed  ',
  stopped: 'stopped ',
};

function endLine(
  { name }: StageTask,
  outcome: Exclude<Outcome, 'blocked'>,
  seconds: number,
  text: string,
  log: string,
): string {
  if (outcome === 'done' && text.includes(': already done in ')) return `done     ${name} (before)`;
  const line = `${WORDS[outcome]} ${name} (${formatSeconds(seconds)})`;
  if (outcome !== 'failed') return line;
  const error = text.lastIndexOf('error: ');
  const why = error < 0 ? 'no message' : text.slice(error + 'error: '.length).trim();
  return `${line}: ${why}\n         all that it printed: ${log}`;
}

function killedBy(signal: NodeJS.Signals): string {
  const memory = signal === 'SIGKILL' ? ', as the system does where memory runs out: fewer --jobs need less' : '';
  return `killed by ${signal}${memory}`;
}

function readLog(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}

export function childrenOf(startChild: StartChild | undefined): StartChild {
  if (startChild !== undefined) return startChild;
  throw new UserError('expected to run from the command line: this starts processes of wbdc');
}
