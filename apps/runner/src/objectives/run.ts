import { join, resolve } from 'node:path';
import type { StageOptions } from '../commands/options.js';
import { runJob, secondsOf } from '../commands/run-job.js';
import { writeAtomically } from '../files.js';
import type { Output } from '../output.js';
import { objectivesChart } from './chart.js';
import { BASE, jobOf, trialsOf, type ModelName } from './plan.js';
import { changeText, objectivesReport } from './report.js';
import { gatherResults, type ObjectivesResults } from './results.js';

export interface ObjectivesOptions extends StageOptions {
  readonly models: readonly ModelName[];
  readonly seeds: number;
  /** Where the report goes. */
  readonly out?: string;
}

/** Runs every trial that is not done yet, with a report after each; gives the exit code of the first stage that failed. */
export async function runObjectives(options: ObjectivesOptions, output: Output, signal: AbortSignal): Promise<number> {
  const runs = join('runs', options.name ?? 'objectives');
  const root = resolve(output.terminal.folder, runs);
  const folder = options.out === undefined ? join(root, 'results') : resolve(output.terminal.folder, options.out);
  const trials = trialsOf(options.models, options.seeds);
  const base = { ...BASE, set: options.set };
  const jobs = trials.map((trial) => jobOf(trial, options.set));
  const code = await runJob(base, runs, options, output, signal);
  if (code !== 0) return code;
  for (const [i, job] of jobs.entries()) {
    output.say(`\n-- trial ${i + 1} of ${jobs.length}`);
    const code = await runJob(job, runs, options, output, signal);
    if (code !== 0) return code;
    const results = { ...(await gatherResults(root, trials)), seconds: await secondsOf(root, [base, ...jobs]) };
    await write(results, folder);
    if (i === jobs.length - 1) say(results, folder, output);
  }
  return 0;
}

async function write(results: ObjectivesResults, folder: string): Promise<void> {
  await writeAtomically(join(folder, 'objectives.json'), `${JSON.stringify(results, null, 2)}\n`);
  await writeAtomically(join(folder, 'objectives.svg'), objectivesChart(results));
  await writeAtomically(join(folder, 'objectives.md'), objectivesReport(results));
}

function say(results: ObjectivesResults, folder: string, output: Output): void {
  output.say('');
  for (const { model, rows } of results.models) {
    for (const { label, mean, change } of rows) {
      output.say(`${model.padEnd(6)} ${label.padEnd(15)} ${results.measure} ${mean.toFixed(4)}  ${changeText(change)}`);
    }
  }
  const made = ['objectives.md', 'objectives.json', 'objectives.svg'].map((name) => join(folder, name));
  for (const path of made) output.say(`made     ${path}`);
  output.result({ made, results: JSON.parse(JSON.stringify(results)) as never });
}
