import { join, resolve } from 'node:path';
import { fromRoot, single, type Communicator } from '@wbdc/distributed';
import { threadsOfRank } from '@wbdc/distributed/node';
import { withLock } from '@wbdc/io';
import { loadConfig } from '../config/load.js';
import { configSchema, type Config } from '../config/schema.js';
import { UserError } from '../core/errors.js';
import { describeEnvironment } from '../core/environment.js';
import { EXIT_INTERRUPTED } from '@wbdc/io/interrupt';
import type { Output } from '../core/output.js';
import { assertSameProgram, outputOf } from '../core/ranks.js';
import type { StageContents } from '@wbdc/pipeline/contents';
import { dataPlaces } from '@wbdc/pipeline/places';
import { allSplits } from '@wbdc/pipeline/settings';
import { assertSameSettings, partsOf, RunFolder, type Opened } from '../run/run-folder.js';
import {
  STAGES,
  type JsonObject,
  type Stage,
  type StageContext,
  type StageName,
  type StageResult,
} from '../run/stage.js';
import { shardName, shardOf, type Shard } from '@wbdc/pipeline/features';
import { flagsOf, type StageOptions } from './options.js';
import { againCommand, nextCommand, resumeCommand, type Chain } from './stage-commands.js';
import { announce, report, reportDone, restoreReport, withReport } from './stage-report.js';
import { ALL_STAGES } from './stages.js';

/**
 * Runs a stage from options to printed result; gives the exit code. In a chain only the last one says what is next. Of
 * several ranks, rank 0 writes and prints.
 */
export async function runStage(
  stage: Stage,
  options: StageOptions,
  output: Output,
  signal: AbortSignal,
  chain?: Chain,
  communicator: Communicator = single,
): Promise<number> {
  const config = await configOf(options, output);
  await assertSameProgram(communicator, config);
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
  const what = run.folderOf(shard === undefined ? stage.name : join(partsOf(stage.name), shardName(shard)));
  const stageRun = { stage, config, run, shard, options, output, signal, chain, communicator };
  return communicator.rank > 0 ? computeStage(stageRun) : withLock(what, () => makeStage(stageRun));
}

/** One run of a stage that nobody else runs meanwhile. */
interface StageRun {
  readonly stage: Stage;
  readonly config: Config;
  readonly run: RunFolder;
  readonly shard: Shard | undefined;
  readonly options: StageOptions;
  readonly output: Output;
  readonly signal: AbortSignal;
  readonly chain: Chain | undefined;
  /** The ranks that share it. */
  readonly communicator: Communicator;
}

/** The part of a rank other than 0: it computes, and tells its own file. */
async function computeStage(stageRun: StageRun): Promise<number> {
  const { stage, communicator } = stageRun;
  const opened = await fromRoot(communicator, (): Opened => {
    throw new Error('rank 0 opens the stage');
  });
  if (opened.kind === 'done') return 0;
  const output = outputOf(communicator, stageRun.output, opened.folder);
  const { status } = await stage.run(await contextOf({ ...stageRun, output }, opened));
  return status === 'interrupted' ? EXIT_INTERRUPTED : 0;
}

async function makeStage(stageRun: StageRun): Promise<number> {
  const { stage, config, run, shard, options, output, chain } = stageRun;
  const inventory = await inventoryOf(stageRun);
  const opened = await fromRoot(stageRun.communicator, () => openStage(stageRun, inventory));
  const later = chain && chain.goal !== stage.name ? undefined : nextCommand(stage, config, options, shard);
  if (opened.kind === 'done') {
    await restoreReport({ folder: opened.folder, run: run.name, record: opened.record });
    return reportDone(stage, opened.record, opened.folder, later, output);
  }
  const { report: tell, now } = output.terminal;
  tell?.({ type: 'stage', stage: stage.name, state: opened.kind === 'resume' ? 'resumed' : 'started' });
  announce(stage, opened, output);
  if (shard) output.say(`shard    ${shard.index}/${shard.count} (${shard.source})`);
  const start = now();
  const { engine, result } = await work(stageRun, opened).catch(async (error: unknown) => {
    await run.undo(opened);
    throw error;
  });
  const seconds = (now() - start) / 1000;
  const complete = result.status === 'complete';
  const record = await run.close(opened, {
    status: complete ? 'complete' : 'unfinished',
    seconds,
    summary: result.summary,
    environment: describeEnvironment(engine),
    ...(complete && !shard && { contents: await inventory.made(run.at(stage.name), stage.name === 'data') }),
  });
  const reported = await withReport(result, { folder: opened.folder, run: run.name, record });
  const next = complete ? later : resumeCommand(stage, options, shard, chain);
  return report(stage, record, reported, { seconds, folder: opened.folder, next, output });
}

/** Starts a stage, or goes on with it, or finds it done; refuses where what it reads is out of date. */
async function openStage(stageRun: StageRun, inventory: StageContents): Promise<Opened> {
  const { stage, config, run, shard, options, chain } = stageRun;
  const needs = needsOf(stage, config);
  await assertConsistent({ stage, needs }, run, config);
  const read = stagesFor(needs, config).map(({ name }) => name);
  // The data stage looks at its own too: nobody else reads where the embedded data set comes from.
  const own = stage.name === 'data' && !options.overwrite;
  await assertCurrent(stageRun, own ? ['data'] : read, inventory);
  const plan = { stage: stage.name, settings: stage.settings(config), needs, part: shard && shardName(shard) };
  const inputs = await inputsOf(stage, config, run, inventory);
  const resume = options.resume || stage.resumes || chain !== undefined;
  const overwrite = chain && options.overwrite ? 'outdated' : options.overwrite;
  return run.open({ ...plan, inputs, asNow: asNowBy(stage) }, { resume, overwrite });
}

async function inventoryOf({ config: { data, corpus }, output, signal }: StageRun): Promise<StageContents> {
  const { StageContents } = await import('@wbdc/pipeline/contents');
  const at = {
    frames: dataPlaces(data, output.terminal.folder).frames,
    root: data.folder ?? undefined,
    layout: data.layout,
    splits: [...allSplits(data), ...(corpus ? [...corpus.splits, ...corpus.heldOutSplits] : [])],
  };
  return new StageContents(at, output.terminal.folder, signal);
}

/** Hashes of what a stage would be made from, other stages aside. */
async function inputsOf({ name, reads, files }: Stage, config: Config, run: RunFolder, inventory: StageContents) {
  const data = (await run.holderOf('data')).at('data');
  if (name === 'data') return inventory.dataInputs(run.at('data'));
  return inventory.inputs({ parts: reads?.(config) ?? [], files: files?.(config) ?? {} }, run.at(name), data);
}

async function work(
  stageRun: StageRun,
  opened: Exclude<Opened, { kind: 'done' }>,
): Promise<{ readonly engine: string | undefined; readonly result: StageResult }> {
  const { stage, shard, signal, communicator } = stageRun;
  const context = { ...(await contextOf(stageRun, opened)), ...(shard && { shard }) };
  const result = await stage.run(context).catch((error: unknown) => {
    if (communicator.size > 1) throw error; // others may be further: all end
    return interruptedBy(error, signal);
  });
  return { engine: context.engine, result };
}

/** Reads settings that an earlier version kept as this one would have kept them: what they lack has its default. */
export function asNowBy(stage: Pick<Stage, 'settings'>): (settings: JsonObject) => JsonObject {
  return ({ vision, ...settings }) => {
    const parsed = configSchema.safeParse({ ...settings, ...(vision !== undefined && { clip: { vision } }) });
    return parsed.success ? stage.settings(parsed.data) : { ...settings, ...(vision !== undefined && { vision }) };
  };
}

/** The stages that one reads in a run of this configuration. */
function needsOf({ needs, alsoNeeds }: Pick<Stage, 'needs' | 'alsoNeeds'>, config: Config): StageName[] {
  return [...needs, ...(alsoNeeds?.(config) ?? [])];
}

/** What a stage reads must have been made as the configuration says, or its numbers would mislead. */
async function assertConsistent(
  { stage, needs }: { readonly stage: Stage; readonly needs: readonly StageName[] },
  run: RunFolder,
  config: Config,
): Promise<void> {
  for (const [name, needed] of await run.needed({ stage: stage.name, needs })) {
    const maker = ALL_STAGES.find((candidate) => candidate.name === name);
    if (maker !== undefined) assertSameSettings(needed, maker.settings(config), asNowBy(maker));
  }
}

/** Data and stages that others are made from must be what those were made from: nothing old meets new. */
async function assertCurrent(
  { run, options, chain }: StageRun,
  stages: readonly StageName[],
  inventory: StageContents,
): Promise<void> {
  for (const name of stages) {
    const holder = await run.holderOf(name);
    const outdated = await inventory.outdated(holder.at(name), (await holder.holderOf('data')).at('data'));
    if (outdated === undefined) continue;
    const again = againCommand(name, options, chain);
    throw new UserError(
      `${holder.folderOf(name)}: ${outdated}: rerun from ${name} with '${again}', and what was made from it ` +
        '(old folders are renamed, not deleted)',
    );
  }
}

/** Stages and all that they need, directly or through others, in their order. */
export function stagesFor(names: readonly StageName[], config: Config): Stage[] {
  const stageOf = (name: StageName): Stage => ALL_STAGES.find((stage) => stage.name === name)!;
  const wanted = new Set(names);
  // What is added is visited too.
  for (const name of wanted) for (const need of needsOf(stageOf(name), config)) wanted.add(need);
  return STAGES.filter((name) => wanted.has(name)).map(stageOf);
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
  const open = (run: string, base?: RunFolder) => new RunFolder(resolve(from, folder, run), run, base && { base });
  return open(
    name,
    [base ?? []].flat().reduceRight<RunFolder | undefined>((next, run) => open(run, next), undefined),
  );
}

/** The configuration that options ask for. */
export function configOf(options: StageOptions, output: Output): Promise<Config> {
  const { folder } = output.terminal;
  return loadConfig({ path: options.config, folder, set: options.set, flags: flagsOf(options) });
}

async function contextOf(
  { stage, config, run, output, options, signal, communicator }: StageRun,
  opened: Exclude<Opened, { kind: 'done' }>,
): Promise<StageContext> {
  const needed = await run.needed({ stage: stage.name, needs: needsOf(stage, config) });
  const engine = stage.needsEngine ? await loadEngine(config, output, communicator) : undefined;
  return {
    config,
    run,
    output,
    signal,
    folder: opened.folder,
    resume: opened.kind === 'resume',
    asNow: asNowBy(stage),
    upstream: (name) => needed.get(name)?.folder ?? run.folderOf(name),
    upstreamSummary: (name) => needed.get(name)?.record.summary ?? {},
    ...(engine === undefined ? {} : { engine }),
    ranks: { communicator, gradientDtype: options.gradientDtype, zero: options.zero === '1' ? 1 : 0 },
  };
}

/** Makes the configured engine the current one and says so; gives its description. */
export async function loadEngine(config: Config, output: Output, communicator = single): Promise<string> {
  const { selectEngine } = await import('@wbdc/engine');
  const onFallback = output.options.debug ? (message: string): void => output.warn(message) : undefined;
  const threads = config.threads ?? (await threadsOfRank(communicator));
  const engine = await selectEngine(config.engine, { threads, precision: config.precision, onFallback });
  if (engine.warning !== undefined) output.warn(engine.warning);
  output.say(`engine   ${engine.about}`);
  const { about, rank, size } = communicator;
  if (size > 1) output.say(`ranks    ${about}; this is ${rank}, process ${process.pid}`);
  return engine.about;
}
