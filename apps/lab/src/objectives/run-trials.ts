import { join, resolve } from 'node:path';
import { counted } from '@wbdc/report/format';
import { EXIT_INTERRUPTED, type Output } from '@wbdc/runner/cli';
import type { LabOptions } from '../commands/options.js';
import type { StartChild } from '../jobs/child.js';
import { runStageTasks } from '../jobs/run-jobs.js';
import type { Outcome } from '../jobs/schedule.js';
import { secondsOf } from '../seconds.js';
import { BASE, stageTasks, type Ladder, type Run, type Trial } from './plan.js';

/** What runs trials: the command's options, and where it speaks. */
export interface TrialsHost {
  readonly options: LabOptions & { readonly out?: string };
  readonly output: Output;
  readonly signal: AbortSignal;
  readonly startChild: StartChild;
}

/** How trials ended. */
export interface TrialsEnd {
  /** The folder of their runs. */
  readonly root: string;
  /** Where the report goes. */
  readonly folder: string;
  /** Of all stages together, also those of earlier attempts. */
  readonly seconds: number;
  /** Whether all stages of a run may be read: one out of date has failed, and its old results are no result. */
  readonly stands: (run: Run) => boolean;
}

/**
 * Runs every stage of trials that is not done yet, side by side where asked, lets the caller report what is there, and
 * gives the exit code.
 */
export async function runTrials(
  trials: readonly Trial[],
  ladder: Ladder,
  { options, output, signal, startChild }: TrialsHost,
  report: (end: TrialsEnd) => Promise<void>,
): Promise<number> {
  const runs = join('runs', options.name);
  const root = resolve(output.terminal.folder, runs);
  const folder = options.out === undefined ? join(root, 'results') : resolve(output.terminal.folder, options.out);
  const tasks = stageTasks(trials, runs, ladder);
  output.say(`${counted(trials.length, 'trial')} in ${runs}; after an interruption the same command goes on`);
  const outcomes = await runStageTasks(tasks, { runs, jobs: options.jobs, options, startChild, output, signal });
  const seconds = await secondsOf(
    root,
    tasks.map(({ run, stage }) => ({ name: run, stages: [stage] })),
  );
  await report({ root, folder, seconds, stands: (run) => stands(run, outcomes) });
  const failed = [...outcomes].filter(([, outcome]) => outcome === 'failed');
  if (failed.length > 0)
    output.warn(`failed: ${failed.map(([name]) => name).join(', ')}; the same command tries again`);
  return signal.aborted ? EXIT_INTERRUPTED : Math.min(1, failed.length);
}

function stands(run: Run, outcomes: ReadonlyMap<string, Outcome>): boolean {
  const own = [BASE, run].flatMap(({ name, stages }) => stages.map((stage) => outcomes.get(`${name} ${stage}`)));
  return !own.includes('failed') && !own.includes('blocked');
}

/** The settings of a command line that repeats a command. */
export function settingWords(set: readonly string[]): string[] {
  return set.map((one) => `--set ${/[ {}[\]]/.test(one) ? `'${one}'` : one}`);
}
