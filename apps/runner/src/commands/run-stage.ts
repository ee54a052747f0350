import { availableParallelism } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { exists, sizeOnDisk } from '@wbdc/io';
import { METRICS_FILE } from '@wbdc/report/history';
import { loadConfig } from '../config/load.js';
import type { Config } from '../config/schema.js';
import { UserError } from '../core/errors.js';
import { describeEnvironment } from '../core/environment.js';
import { formatBytes, formatSeconds } from '@wbdc/report/format';
import { EXIT_INTERRUPTED } from '../core/interrupt.js';
import { scoresOf } from '../core/messages.js';
import type { Output } from '../core/output.js';
import type { ReportRequest } from '../run/training-report.js';
import { assertSameSettings, RunFolder, type Opened, type StageRecord } from '../run/run-folder.js';
import {
  STAGES,
  type Artifact,
  type JsonObject,
  type Stage,
  type StageContext,
  type StageName,
  type StageResult,
} from '../run/stage.js';
import { shardName, shardOf, type Shard } from '../core/shard.js';
import { flagsOf, type StageOptions } from './options.js';
import { ALL_STAGES } from './stages.js';

/** Runs one stage from options to printed result; gives the exit code. */
export async function runStage(
  stage: Stage,
  options: StageOptions,
  output: Output,
  signal: AbortSignal,
): Promise<number> {
  const config = await configOf(options, output);
  if (options.resume && options.overwrite) {
    throw new UserError('--resume goes on with what is there, --overwrite starts again: give one of them', 2);
  }
  const absent = stage.absentFor?.(config);
  if (absent !== undefined) {
    const next = nextCommand(stage, config, options);
    throw new UserError(`${stage.name}: ${absent}${next === undefined ? '' : `: go on with ${next}`}`, 2);
  }
  const shard = stage.divisible ? shardOf(options, output.terminal.env) : undefined;
  const run = runFolderOf(config, output.terminal.folder);
  await assertConsistent(stage, run, config);
  const part = shard && shardName(shard);
  const plan = { stage: stage.name, settings: stage.settings(config), needs: needsOf(stage, config), part };
  const opened = await run.open(plan, { ...options, resume: options.resume || stage.resumes });
  if (opened.kind === 'done')
    return reportDone(stage, opened.record, opened.folder, nextCommand(stage, config, options, shard), output);
  const { report: tell } = output.terminal;
  tell?.({ type: 'stage', stage: stage.name, state: opened.kind === 'resume' ? 'resumed' : 'started' });
  announce(stage, opened, output);
  if (shard) output.say(`shard    ${shard.index}/${shard.count} (${shard.source})`);
  const context = { ...(await contextOf(stage, config, run, opened, output, signal)), ...(shard && { shard }) };
  const start = output.terminal.now();
  const result = await stage.run(context).catch((error: unknown) => interruptedBy(error, signal));
  const seconds = (output.terminal.now() - start) / 1000;
  const record = await run.close(opened, {
    status: result.status === 'complete' ? 'complete' : 'unfinished',
    seconds,
    summary: result.summary,
    environment: describeEnvironment(context.engine),
  });
  const reported = await withReport(result, { folder: opened.folder, run: run.name, record });
  const next =
    result.status === 'interrupted' ? resumeCommand(stage, options, shard) : nextCommand(stage, config, options, shard);
  return report(stage, record, reported, { seconds, folder: opened.folder, next, output });
}

/** The stages that one reads in a run of this configuration. */
export function needsOf({ needs, alsoNeeds }: Pick<Stage, 'needs' | 'alsoNeeds'>, config: Config): StageName[] {
  return [...needs, ...(alsoNeeds?.(config) ?? [])];
}

/** What a stage reads must have been made as the configuration says, or its numbers would mislead. */
async function assertConsistent(stage: Stage, run: RunFolder, config: Config): Promise<void> {
  for (const [name, needed] of await run.needed({ stage: stage.name, needs: needsOf(stage, config) })) {
    const maker = ALL_STAGES.find((candidate) => candidate.name === name);
    if (maker !== undefined) assertSameSettings(needed, maker.settings(config));
  }
}

/** Training stages leave curves: their page is made here, where everything that stands on it is known. */
async function withReport(result: StageResult, request: ReportRequest): Promise<StageResult> {
  if (!(await exists(join(request.folder, METRICS_FILE)))) return result;
  const { writeReport } = await import('../run/training-report.js');
  const path = await writeReport(request);
  return path === undefined ? result : { ...result, made: [...result.made, { path, about: 'curves, for a browser' }] };
}

/** A stage may also end by throwing the signal's reason, as `signal.throwIfAborted()` does. */
function interruptedBy(error: unknown, signal: AbortSignal): StageResult {
  const aborted =
    signal.aborted && (error === signal.reason || (error instanceof Error && error.name === 'AbortError'));
  if (!aborted) throw error;
  return { status: 'interrupted', read: [], made: [], summary: {} };
}

/** The folder of the run that a configuration names. */
export function runFolderOf({ run: { folder, name, base } }: Config, from: string): RunFolder {
  const open = (run: string): RunFolder => new RunFolder(resolve(from, folder, run), run);
  return base === null ? open(name) : new RunFolder(resolve(from, folder, name), name, { base: open(base) });
}

/** The configuration that options ask for. */
export function configOf(options: StageOptions, output: Output): Promise<Config> {
  const { folder } = output.terminal;
  return loadConfig({ path: options.config, folder, set: options.set, flags: flagsOf(options) });
}

async function contextOf(
  stage: Stage,
  config: Config,
  run: RunFolder,
  opened: Exclude<Opened, { kind: 'done' }>,
  output: Output,
  signal: AbortSignal,
): Promise<StageContext> {
  const needed = await run.needed({ stage: stage.name, needs: needsOf(stage, config) });
  const engine = stage.needsEngine ? await loadEngine(config, output) : undefined;
  return {
    config,
    run,
    output,
    signal,
    folder: opened.folder,
    resume: opened.kind === 'resume',
    upstream: (name) => needed.get(name)?.folder ?? run.folderOf(name),
    upstreamSummary: (name) => needed.get(name)?.record.summary ?? {},
    ...(engine === undefined ? {} : { engine }),
  };
}

/** Makes the configured engine the current one and says so; gives its description. */
export async function loadEngine(config: Config, output: Output): Promise<string> {
  const { selectEngine } = await import('../core/engine.js');
  const onFallback = output.options.debug ? (message: string): void => output.warn(message) : undefined;
  const threads = config.threads ?? availableParallelism();
  const engine = await selectEngine(config.engine, { threads, precision: config.precision, onFallback });
  if (engine.warning !== undefined) output.warn(engine.warning);
  output.say(`engine   ${engine.about}`);
  return engine.about;
}

function announce(stage: Stage, opened: Exclude<Opened, { kind: 'done' }>, output: Output): void {
  const folder = shown(opened.folder, output);
  if (opened.movedTo !== undefined) output.say(`the earlier ${stage.name} is now ${shown(opened.movedTo, output)}`);
  output.say(`${stage.name}: ${opened.kind === 'resume' ? `going on in ${folder}` : stage.title}`);
}

function reportDone(
  stage: Stage,
  record: StageRecord,
  folder: string,
  next: string | undefined,
  output: Output,
): number {
  output.say(
    `${stage.name}: already done in ${shown(folder, output)} (${record.created}); --overwrite to make it again`,
  );
  for (const line of summaryLines(record.summary)) output.say(line);
  if (next !== undefined) output.say(`next     ${next}`);
  output.terminal.report?.({ type: 'outcome', outcome: 'found', scores: scoresOf(record.summary['measured']) });
  output.result({ ...resultObject(stage, record, folder, next), status: 'complete', alreadyDone: true });
  return 0;
}

interface Reporting {
  readonly seconds: number;
  readonly folder: string;
  /** What to run next. */
  readonly next: string | undefined;
  readonly output: Output;
}

async function report(stage: Stage, record: StageRecord, result: StageResult, reporting: Reporting): Promise<number> {
  const { seconds, folder, next, output } = reporting;
  const interrupted = result.status === 'interrupted';
  for (const artifact of result.read) output.say(`read     ${await line(artifact, output, false)}`);
  for (const artifact of result.made) output.say(`made     ${await line(artifact, output, true)}`);
  for (const text of summaryLines(result.summary)) output.say(text);
  output.say(`${interrupted ? 'stopped' : 'done'}  ${interrupted ? '' : '   '}after ${formatSeconds(seconds)}`);
  if (next !== undefined) output.say(`${interrupted ? 'go on   ' : 'next    '} ${next}`);
  output.result({
    ...resultObject(stage, record, folder, next),
    status: result.status,
    read: result.read.map(asJson),
    made: result.made.map(asJson),
  });
  const outcome = interrupted ? 'interrupted' : 'done';
  output.terminal.report?.({ type: 'outcome', outcome, scores: scoresOf(result.summary['measured']) });
  return interrupted ? EXIT_INTERRUPTED : 0;
}

function resultObject(stage: Stage, record: StageRecord, folder: string, next: string | undefined): JsonObject {
  return { stage: stage.name, folder, seconds: record.seconds, summary: record.summary, next };
}

function asJson({ path, about }: Artifact): JsonObject {
  return { path, about };
}

async function line({ path, about }: Artifact, output: Output, withSize: boolean): Promise<string> {
  const size = withSize ? ` (${formatBytes(await sizeOnDisk(path))})` : '';
  return `${shown(path, output)}${size}: ${about}`;
}

function summaryLines(summary: JsonObject): string[] {
  const simple = Object.entries(summary).filter(([, value]) => typeof value !== 'object' || value === null);
  return simple.map(([key, value]) => `         ${key}: ${value}`);
}

/** The path as the user would type it. */
function shown(path: string, output: Output): string {
  const short = relative(output.terminal.folder, path);
  return short === '' || short.startsWith('..') ? path : join(short);
}

/** After a shard comes, when all of them are done, their merging. */
function nextCommand(stage: Stage, config: Config, options: StageOptions, shard?: Shard): string | undefined {
  if (shard) return commandOf(`merge-${stage.name}`, options, []);
  const later = STAGES.slice(STAGES.indexOf(stage.name) + 1);
  const next = later.find((name) => !ALL_STAGES.find((other) => other.name === name)?.absentFor?.(config));
  return next === undefined ? undefined : commandOf(next, options, []);
}

function resumeCommand(stage: Stage, options: StageOptions, shard: Shard | undefined): string {
  const part = shard ? ['--shard', `${shard.index}/${shard.count}`] : [];
  return commandOf(stage.command ?? stage.name, options, [...part, '--resume']);
}

/** The command for a stage of the same run, with the options that decide which run it is. */
function commandOf(stage: string, options: StageOptions, extra: readonly string[]): string {
  const option = (name: string, value: string | number | undefined): string[] =>
    value === undefined ? [] : [`--${name}`, quote(String(value))];
  return [
    'npx wbdc',
    stage,
    ...option('config', options.config),
    ...option('name', options.name),
    ...options.set.flatMap((assignment) => option('set', assignment)),
    ...option('seed', options.seed),
    ...option('engine', options.engine),
    ...option('precision', options.precision),
    ...extra,
  ].join(' ');
}

function quote(text: string): string {
  return /^[\w./=:-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
