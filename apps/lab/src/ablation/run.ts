import { join } from 'node:path';
import { makeFolder, readIfThere, writeFileAtomic, writeJson } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';
import type { Output } from '@wbdc/runner/cli';
import type { LabOptions } from '../commands/options.js';
import type { StartChild } from '../jobs/child.js';
import type { Ladder, ModelName } from '../objectives/plan.js';
import { runTrials, settingWords } from '../objectives/run-trials.js';
import { ablationChart } from './chart.js';
import { ablationTrials, CORPUS_DECIDED, DECIDED, type Ablation } from './plan.js';
import { ablationLines, ablationReport } from './report.js';
import { gatherAblation, type AblationResults } from './results.js';

export interface AblationOptions extends LabOptions {
  readonly models: readonly ModelName[];
  readonly seeds: number;
  readonly ablation: Ablation;
  readonly ladder: Ladder;
  /** Where the report goes. */
  readonly out?: string;
}

/** Runs every stage that is not done yet, side by side where asked, and reports what is there; gives the exit code. */
export async function runAblation(
  options: AblationOptions,
  output: Output,
  signal: AbortSignal,
  startChild: StartChild,
): Promise<number> {
  const { models, seeds, ablation, ladder } = options;
  const trials = ablationTrials(models, seeds, ablation, ladder);
  assertUndecided(options.set, ablation);
  const host = { options, output, signal, startChild };
  return runTrials(trials, ladder, host, async ({ root, folder, seconds, stands }) => {
    const gathered = await gatherAblation(root, { models, seeds, ablation, ...ladder }, stands);
    if (gathered.curves.length === 0) return;
    const results = { ...gathered, seconds, command: commandOf(options) };
    const made = await write(results, folder);
    output.say('');
    for (const line of ablationLines(results)) output.say(line);
    for (const path of made) output.say(`made     ${path}`);
    output.result({ made, results });
  });
}

/** What all trials get comes last: it would undo what is varied. */
function assertUndecided(set: readonly string[], { axes }: Ablation): void {
  const among = (paths: readonly string[]) => set.find((one) => paths.some((path) => one.startsWith(`${path}=`)));
  const [found, ofCorpus] = [among(DECIDED), axes.includes('corpus') ? among(CORPUS_DECIDED) : undefined];
  if (found !== undefined)
    throw new WbdcError({ where: '--set', expected: '--epochs and --width, for what an ablation varies', got: found });
  if (ofCorpus !== undefined)
    throw new WbdcError({ where: '--set', expected: 'nothing that --axis corpus varies', got: ofCorpus });
}

/** The command with all that decides its numbers. */
function commandOf({ models, seeds, ablation: { axes, epochs, width }, ladder, set }: AblationOptions): string {
  const words = [
    ladder.words,
    ...axes.map((axis) => `--axis ${axis}`),
    `--model ${models.length === 1 ? models[0] : 'both'}`,
    `--epochs ${epochs} --width ${width} --seeds ${seeds}`,
    ...settingWords(set),
  ];
  return `node apps/lab/bin/lab.js ablation ${words.filter((word) => word !== '').join(' ')}`;
}

/** What somebody has written about the numbers stays with them. */
const NOTES = 'ablation-notes.md';

async function write(results: AblationResults, folder: string): Promise<string[]> {
  await makeFolder(folder);
  const made = { report: join(folder, 'ablation.md'), numbers: join(folder, 'ablation.json') };
  await writeJson(made.numbers, results);
  const axes = [...new Set(results.curves.map(({ axis }) => axis))];
  const charts = axes.map((axis) => ({ axis, path: join(folder, `ablation-${axis}.svg`) }));
  for (const { axis, path } of charts) await writeFileAtomic(path, ablationChart(results.curves, axis));
  await writeFileAtomic(made.report, ablationReport(results, await readIfThere(join(folder, NOTES))));
  return [made.report, made.numbers, ...charts.map(({ path }) => path)];
}
