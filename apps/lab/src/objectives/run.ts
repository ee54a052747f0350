import { join, resolve } from 'node:path';
import { makeFolder, readIfThere, writeFileAtomic, writeJson } from '@wbdc/io';
import { counted } from '@wbdc/report/format';
import { EXIT_INTERRUPTED, type Output } from '@wbdc/runner/cli';
import type { StartChild } from '../jobs/child.js';
import { runStageTasks } from '../jobs/run-jobs.js';
import type { Outcome } from '../jobs/schedule.js';
import type { LabOptions } from '../commands/options.js';
import { secondsOf } from '../seconds.js';
import { objectivesChart } from './chart.js';
import { BASE, runsOf, stageTasks, trialsOf, WHOLE, type Ladder, type ModelName, type Run } from './plan.js';
import { changeText, objectivesReport } from './report.js';
import { gatherResults, type ObjectivesResults } from './results.js';

export interface ObjectivesOptions extends LabOptions {
  readonly models: readonly ModelName[];
  readonly seeds: number;
  /** Default: all objectives, on the embedded data. */
  readonly ladder?: Ladder;
  /** Where the report goes. */
  readonly out?: string;
}

/** Runs every stage that is not done yet, side by side where asked, and reports what is there; gives the exit code. */
export async function runObjectives(
  options: ObjectivesOptions,
  output: Output,
  signal: AbortSignal,
  startChild: StartChild,
): Promise<number> {
  const runs = join('runs', options.name);
  const root = resolve(output.terminal.folder, runs);
  const folder = options.out === undefined ? join(root, 'results') : resolve(output.terminal.folder, options.out);
  const { ladder = WHOLE } = options;
  const trials = trialsOf(options.models, options.seeds, ladder);
  const tasks = stageTasks(trials, runs, ladder);
  output.say(`${counted(trials.length, 'trial')} in ${runs}; after an interruption the same command goes on`);
  const outcomes = await runStageTasks(tasks, { runs, jobs: options.jobs, options, startChild, output, signal });
  const all = trials.flatMap((trial) => runsOf(trial, ladder.probes));
  const seconds = await secondsOf(root, [{ ...BASE, stages: [...BASE.stages, 'text'] }, ...all]);
  const gathered = await gatherResults(root, trials, ladder.probes, (run) => stands(run, outcomes));
  const results = { ...gathered, seconds, ...commandOf(options) };
  if (results.done > 0) {
    await write(results, folder);
    say(results, folder, output);
  }
  const failed = [...outcomes].filter(([, outcome]) => outcome === 'failed');
  if (failed.length > 0)
    output.warn(`failed: ${failed.map(([name]) => name).join(', ')}; the same command tries again`);
  return signal.aborted ? EXIT_INTERRUPTED : Math.min(1, failed.length);
}

/** The command with all that decides its numbers, where it is not the plain one. */
function commandOf({ models, seeds, ladder, set }: ObjectivesOptions): { command?: string } {
  if (ladder === undefined || (ladder.words === '' && models.length === 2 && seeds === 3 && set.length === 0))
    return {};
  const words = [
    ladder.words,
    models.length === 1 ? `--model ${models[0]}` : '',
    `--seeds ${seeds}`,
    ...set.map((one) => `--set ${/[ {}[\]]/.test(one) ? `'${one}'` : one}`),
  ];
  return { command: `node apps/lab/bin/lab.js objectives ${words.filter((word) => word !== '').join(' ')}` };
}

/** Whether all stages of a run may be read: one that is out of date has failed, and its old results are no result. */
function stands(run: Run, outcomes: ReadonlyMap<string, Outcome>): boolean {
  const own = [BASE, run].flatMap(({ name, stages }) => stages.map((stage) => outcomes.get(`${name} ${stage}`)));
  return !own.includes('failed') && !own.includes('blocked');
}

/** What somebody has written about the numbers stays with them. */
const NOTES = 'objectives-notes.md';

async function write(results: ObjectivesResults, folder: string): Promise<void> {
  await makeFolder(folder);
  await writeJson(join(folder, 'objectives.json'), results);
  await writeFileAtomic(join(folder, 'objectives.svg'), objectivesChart(results));
  const notes = await readIfThere(join(folder, NOTES));
  await writeFileAtomic(join(folder, 'objectives.md'), objectivesReport(results, notes));
}

function say(results: ObjectivesResults, folder: string, output: Output): void {
  output.say('');
  for (const { model, measure, rows } of results.models) {
    for (const { label, mean, change } of rows) {
      output.say(`${model.padEnd(6)} ${label.padEnd(20)} ${measure} ${mean.toFixed(4)}  ${changeText(change)}`);
    }
  }
  const made = ['objectives.md', 'objectives.json', 'objectives.svg'].map((name) => join(folder, name));
  for (const path of made) output.say(`made     ${path}`);
  output.result({ made, results });
}
