import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mkdir } from 'node:fs/promises';
import * as tf from '@tensorflow/tfjs';
import type { StageOptions } from '../commands/options.js';
import { runStage } from '../commands/run-stage.js';
import { ALL_STAGES } from '../commands/stages.js';
import { writeAtomically } from '../files.js';
import { Output } from '../output.js';
import { RunFolder } from '../run-folder.js';
import { competitionPage, type CompetitionResults } from './page.js';
import { AIAC, BASE, WBDC, type Entry } from './plan.js';
import { aiacResults, wbdcResults } from './results.js';

export type Half = 'aiac' | 'wbdc';

export interface CompetitionOptions extends StageOptions {
  readonly halves: readonly Half[];
}

const CONFIGS = fileURLToPath(new URL('../../configs/competition', import.meta.url));
const ENTRIES: Readonly<Record<Half, readonly Entry[]>> = { aiac: AIAC, wbdc: WBDC };

/** Runs every stage that is not done yet, then gathers what they measured; gives the exit code of the first that failed. */
export async function runCompetition(
  options: CompetitionOptions,
  output: Output,
  signal: AbortSignal,
): Promise<number> {
  const name = options.name ?? 'competition';
  const root = resolve(output.terminal.folder, 'runs', name);
  for (const entry of [BASE, ...options.halves.flatMap((half) => ENTRIES[half])]) {
    const code = await runEntry(entry, name, options, output, signal);
    if (code !== 0) return code;
  }
  const folder = join(root, 'results');
  await mkdir(folder, { recursive: true });
  const results: CompetitionResults = {
    name,
    ...(options.halves.includes('aiac') && { aiac: await aiacResults(root, folder) }),
    ...(options.halves.includes('wbdc') && { wbdc: await wbdcResults(root, folder) }),
    seconds: await secondsOf(root, options.halves),
  };
  await writeAtomically(join(folder, 'results.json'), `${JSON.stringify(results, null, 2)}\n`);
  await writeAtomically(join(folder, 'report.html'), competitionPage(results));
  say(results, folder, output);
  return 0;
}

async function runEntry(
  entry: Entry,
  name: string,
  options: CompetitionOptions,
  output: Output,
  signal: AbortSignal,
): Promise<number> {
  const folder = join('runs', name);
  const { from } = entry;
  const set = [
    `run.folder=${folder}`,
    ...(entry === BASE ? [] : [`run.base=${BASE.name}`]),
    ...(from ? [`${from.setting}=${join(folder, from.entry, 'pretrain', 'checkpoints')}`] : []),
    ...options.set,
  ];
  const own = { ...options, config: join(CONFIGS, entry.file), name: entry.name, set, resume: true, json: false };
  for (const stage of ALL_STAGES.filter((candidate) => entry.stages.includes(candidate.name))) {
    output.say(`\n== ${entry.name} ${stage.name}`);
    const code = await runStage(stage, own, stageOutput(output), signal);
    tf.disposeVariables(); // nothing of this stage is needed in memory any more
    if (code !== 0) return code;
  }
  return 0;
}

/** With `--json` only the results go to stdout. */
function stageOutput({ terminal, options }: Output): Output {
  if (!options.json) return new Output(terminal, options);
  return new Output({ ...terminal, stdout: terminal.stderr }, { ...options, json: false });
}

async function secondsOf(root: string, halves: readonly Half[]): Promise<number> {
  let seconds = 0;
  for (const entry of [BASE, ...halves.flatMap((half) => ENTRIES[half])]) {
    const run = new RunFolder(join(root, entry.name), entry.name);
    for (const stage of entry.stages) seconds += (await run.record(stage))?.seconds ?? 0;
  }
  return seconds;
}

function say(results: CompetitionResults, folder: string, output: Output): void {
  output.say('');
  for (const { name, spearman, published } of results.aiac?.jobs ?? []) {
    output.say(`${name}: held-out Spearman ${spearman.toFixed(4)} (published, at full size: ${published.spearman})`);
  }
  for (const { models, spearman, bestSingle } of results.aiac?.ensembles ?? []) {
    output.say(`ensemble of ${models}: ${spearman.toFixed(4)} (best of them alone ${bestSingle.toFixed(4)})`);
  }
  for (const { name, score } of results.wbdc?.models ?? []) output.say(`${name}: score ${score.mean.toFixed(4)}`);
  if (results.wbdc) output.say(`ensemble of probabilities: score ${results.wbdc.ensemble.mean.toFixed(4)}`);
  output.say(`made     ${join(folder, 'report.html')}`);
  output.result({ folder, results: JSON.parse(JSON.stringify(results)) as never });
}
