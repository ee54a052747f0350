import { join } from 'node:path';
import { makeFolder, readIfThere, writeFileAtomic, writeJson } from '@wbdc/io';
import type { Output } from '@wbdc/runner/cli';
import type { StartChild } from '../jobs/child.js';
import type { LabOptions } from '../commands/options.js';
import { objectivesChart } from './chart.js';
import { trialsOf, WHOLE, type Ladder, type ModelName } from './plan.js';
import { changeText, objectivesReport } from './report.js';
import { gatherResults, type ObjectivesResults } from './results.js';
import { runTrials, settingWords } from './run-trials.js';

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
  const { ladder = WHOLE } = options;
  const trials = trialsOf(options.models, options.seeds, ladder);
  return runTrials(
    trials,
    ladder,
    { options, output, signal, startChild },
    async ({ root, folder, seconds, stands }) => {
      const gathered = await gatherResults(root, trials, ladder.probes, stands);
      const results = { ...gathered, seconds, ...commandOf(options) };
      if (results.done === 0) return;
      await write(results, folder);
      say(results, folder, output);
    },
  );
}

/** The command with all that decides its numbers, where it is not the plain one. */
function commandOf({ models, seeds, ladder, set }: ObjectivesOptions): { command?: string } {
  if (ladder === undefined || (ladder.words === '' && models.length === 2 && seeds === 3 && set.length === 0))
    return {};
  const words = [
    ladder.words,
    models.length === 1 ? `--model ${models[0]}` : '',
    `--seeds ${seeds}`,
    ...settingWords(set),
  ];
  return { command: `node apps/lab/bin/lab.js objectives ${words.filter((word) => word !== '').join(' ')}` };
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
