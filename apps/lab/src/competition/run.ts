import { join, resolve } from 'node:path';
import { makeFolder, writeFileAtomic, writeJson } from '@wbdc/io';
import { counted, formatSeconds } from '@wbdc/report/format';
import { EXIT_INTERRUPTED, type Output } from '@wbdc/runner/cli';
import { WBDC_PROGRAM } from '@wbdc/runner/jobs';
import type { StartChild } from '../jobs/child.js';
import { runStageTasks, threadsFor, type StageTask } from '../jobs/run-jobs.js';
import type { Outcome } from '../jobs/schedule.js';
import type { ClusterOptions, LabOptions } from '../commands/options.js';
import { submitStages, watchStages } from '../jobs/slurm.js';
import { competitionMarkdown } from './markdown.js';
import { competitionPage } from './page.js';
import { baseFor, dataSettings, entriesFor, type OwnData } from './own-data.js';
import { trialEntries, type Entry, type Half } from './plan.js';
import { competitionResults, type CompetitionResults } from './gather.js';
import { gainOf, withSpread } from './tables.js';
import { tasksOf } from './tasks.js';

export interface CompetitionOptions extends LabOptions, Partial<ClusterOptions> {
  readonly halves: readonly Half[];
  /** Whether to make the trials: the same finetuning with and without each trick. */
  readonly evidence: boolean;
  /** Nothing for the embedded data. */
  readonly own?: OwnData | undefined;
}

/** Runs every stage that is not done yet, side by side where asked, then gathers what they measured. */
export async function runCompetition(
  options: CompetitionOptions,
  output: Output,
  signal: AbortSignal,
  startChild: StartChild,
): Promise<number> {
  const { halves, evidence, name, own } = options;
  const base = baseFor(own);
  const { terminal } = output;
  const runs = join('runs', name);
  const models = halves.flatMap((half) => entriesFor(own, half));
  const trials = evidence ? halves.flatMap(trialEntries) : [];
  const tasks = tasksOf([...models, ...trials], runs, base, dataSettings(own));
  const begun = terminal.now();
  const running = { options, runs, output, signal };
  const outcomes =
    options.on === 'slurm' ? await onSlurm(tasks, running) : await here(tasks, { ...running, startChild });
  if (outcomes === undefined) return 0;
  const wallSeconds = (terminal.now() - begun) / 1000;
  if (signal.aborted) return stopped(outcomes, output);
  const complete = (entries: readonly Entry[]): boolean =>
    [base, ...entries].every((entry) =>
      entry.stages.every((stage) => outcomes.get(`${entry.name} ${stage}`) === 'done'),
    );
  const ready = halves.filter((half) => complete(entriesFor(own, half)));
  const withTrials = ready.filter((half) => evidence && complete(trialEntries(half)));
  if (ready.length > 0) await conclude({ name, runs, ready, withTrials, wallSeconds, own }, output);
  return failures(outcomes, ready.length > 0, output);
}

interface Running {
  readonly options: CompetitionOptions;
  readonly runs: string;
  readonly output: Output;
  readonly signal: AbortSignal;
}

function here(tasks: readonly StageTask[], running: Running & { readonly startChild: StartChild }) {
  const { options, runs, output } = running;
  const { jobs } = options;
  const threads = options.threads ?? threadsFor(jobs);
  output.say(
    `${counted(tasks.length, 'stage')} in ${runs}, ${jobs} at a time with ${counted(threads, 'thread')} each; ` +
      `an interrupted competition goes on with the same command`,
  );
  return runStageTasks(tasks, { ...running, jobs });
}

/** Nothing where the jobs are submitted and nobody waits for them. */
async function onSlurm(
  tasks: readonly StageTask[],
  running: Running,
): Promise<ReadonlyMap<string, Outcome> | undefined> {
  const { options, output } = running;
  const { shards = 1, ranks = 1, sbatch = [], watch = false } = options;
  const stages = { ...running, program: WBDC_PROGRAM, shards, ranks, sbatch };
  const jobs = await submitStages(tasks, stages);
  if (watch) return watchStages(tasks, jobs, stages);
  output.say('the same command with --watch shows them, and gathers what they measured when all have ended');
  return undefined;
}

interface Conclusion {
  readonly name: string;
  readonly runs: string;
  readonly ready: readonly Half[];
  readonly withTrials: readonly Half[];
  readonly wallSeconds: number;
  readonly own: OwnData | undefined;
}

async function conclude(
  { name, runs, ready, withTrials, wallSeconds, own }: Conclusion,
  output: Output,
): Promise<void> {
  const root = resolve(output.terminal.folder, runs);
  const folder = join(root, 'results');
  await makeFolder(folder);
  const gathering = { name, root, folder, halves: ready, trials: withTrials, wallSeconds, own };
  const results = await competitionResults({ ...gathering, onWarning: (line) => output.warn(line) });
  await writeJson(join(folder, 'results.json'), results);
  await writeFileAtomic(join(folder, 'report.html'), await competitionPage(results, root, own));
  await writeFileAtomic(join(folder, 'report.md'), competitionMarkdown(results));
  say(results, join(runs, 'results'), output);
}

function stopped(outcomes: ReadonlyMap<string, Outcome>, output: Output): number {
  const done = [...outcomes.values()].filter((outcome) => outcome === 'done').length;
  output.say(`stopped with ${done} of ${outcomes.size} stages done; the same command goes on`);
  return EXIT_INTERRUPTED;
}

/** Stages in a line that is read: there may be a hundred. */
const MOST_NAMED = 10;

function listed(names: readonly string[]): string {
  const more = names.length - MOST_NAMED;
  return more <= 0 ? names.join(', ') : `${names.slice(0, MOST_NAMED).join(', ')} and ${more} more`;
}

function failures(outcomes: ReadonlyMap<string, Outcome>, written: boolean, output: Output): number {
  const named = (wanted: Outcome): string[] =>
    [...outcomes].flatMap(([name, outcome]) => (outcome === wanted ? [name] : []));
  const [failed, blocked] = [named('failed'), named('blocked')];
  if (failed.length === 0) return 0;
  output.warn(`${counted(failed.length, 'stage')} failed: ${listed(failed)}`);
  if (blocked.length > 0) output.warn(`not begun, as they read those: ${listed(blocked)}`);
  output.warn(`${written ? 'results without them are written; ' : ''}the same command tries them again`);
  return 1;
}

const known = (value: number): string => (Number.isNaN(value) ? 'not known' : value.toFixed(4));

function say(results: CompetitionResults, folder: string, output: Output): void {
  output.say('');
  for (const { name, spearman, published } of results.aiac?.jobs ?? []) {
    output.say(`${name}: held-out Spearman ${known(spearman)} (published, at full size: ${published.spearman})`);
  }
  for (const { models, spearman, bestSingle } of results.aiac?.ensembles ?? []) {
    output.say(`ensemble of ${models}: ${known(spearman)} (best of them alone ${known(bestSingle)})`);
  }
  for (const { name, score } of results.wbdc?.models ?? []) output.say(`${name}: score ${score.mean.toFixed(4)}`);
  if (results.wbdc) output.say(`ensemble of probabilities: score ${results.wbdc.ensemble.mean.toFixed(4)}`);
  for (const { half, trials } of results.evidence) {
    for (const trial of trials) {
      output.say(`${half} ${trial.about}: ${withSpread(trial.mean, trial.spread)}  ${gainOf(trial)}`.trimEnd());
    }
  }
  output.say(
    `made     ${join(folder, 'report.html')}, report.md, results.json: ` +
      `all stages together took ${formatSeconds(results.seconds)}`,
  );
  output.result({ folder, results });
}
