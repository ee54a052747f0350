import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mkdir } from 'node:fs/promises';
import type { StageOptions } from '../commands/options.js';
import { runJob, secondsOf, type Job } from '../commands/run-job.js';
import { writeAtomically } from '../files.js';
import type { Output } from '../output.js';
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
  const runs = join('runs', name);
  const root = resolve(output.terminal.folder, runs);
  const entries = [BASE, ...options.halves.flatMap((half) => ENTRIES[half])];
  for (const entry of entries) {
    const code = await runJob(jobOf(entry, runs, options.set), runs, options, output, signal);
    if (code !== 0) return code;
  }
  const folder = join(root, 'results');
  await mkdir(folder, { recursive: true });
  const results: CompetitionResults = {
    name,
    ...(options.halves.includes('aiac') && { aiac: await aiacResults(root, folder) }),
    ...(options.halves.includes('wbdc') && { wbdc: await wbdcResults(root, folder) }),
    seconds: await secondsOf(root, entries),
  };
  await writeAtomically(join(folder, 'results.json'), `${JSON.stringify(results, null, 2)}\n`);
  await writeAtomically(join(folder, 'report.html'), competitionPage(results));
  say(results, folder, output);
  return 0;
}

function jobOf(entry: Entry, runs: string, set: readonly string[]): Job {
  const { name, file, stages, from } = entry;
  const own = [
    ...(entry === BASE ? [] : [`run.base=${BASE.name}`]),
    ...(from ? [`${from.setting}=${join(runs, from.entry, 'pretrain', 'checkpoints')}`] : []),
  ];
  return { name, config: join(CONFIGS, file), set: [...own, ...set], stages };
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
