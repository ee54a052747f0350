import { readdir, rename, rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { exists, isTemporary, makeFolder, readIfThere, writeJson } from '@wbdc/io';
import { UserError } from '../core/errors.js';
import { changedSince, changesOf, fingerprintOf, type Changes } from '@wbdc/pipeline/changes';
import { clearStage, madeNothing } from '@wbdc/pipeline/stage-files';
import type { Contents, StageAt } from '@wbdc/pipeline/contents';
import type { JsonObject, StageName } from './names.js';
import { parseStageRecord, type StageRecord } from './stage-record.js';

/** What is to be made and from what. */
export interface StagePlan {
  readonly stage: StageName;
  readonly settings: JsonObject;
  readonly needs: readonly StageName[];
  /** A part of the work, made in a folder of its own: `0003-of-0016` in `<stage>-shards/`. */
  readonly part?: string | undefined;
  /** Hashes of what it reads besides stages; with those of the data set that stage's own record does not count. */
  readonly inputs?: Contents | undefined;
  /** Gives settings of an earlier version what they say today: one that they lack has its default. */
  readonly asNow?: ((settings: JsonObject) => JsonObject) | undefined;
}

export type StageOutcome = Pick<StageRecord, 'status' | 'seconds' | 'summary' | 'environment' | 'contents'>;

export interface StageMode {
  readonly resume?: boolean | undefined;
  /** True: makes it again; `outdated`: only where it was made from other data or with other settings. */
  readonly overwrite?: boolean | 'outdated' | undefined;
}

export interface RunFolderOptions {
  /** A run whose stages are read where this one has none of its own; they are never written. */
  readonly base?: RunFolder;
  readonly now?: () => Date;
}

/** A stage that another one reads. */
export interface NeededStage {
  readonly folder: string;
  readonly record: StageRecord;
}

/** A part of a stage that was started. */
export interface StagePart extends NeededStage {
  readonly name: string;
}

/** Whether a stage is there already, starts, or goes on; what was in the way stands in `movedTo`. */
export type Opened =
  | { readonly kind: 'done'; readonly folder: string; readonly record: StageRecord }
  | {
      readonly kind: 'start' | 'resume';
      readonly folder: string;
      readonly record: StageRecord;
      readonly movedTo?: string;
    };

/** The folder of a stage's parts. */
export function partsOf(stage: StageName): string {
  return `${stage}-shards`;
}

/**
 * The folder of one run, `<runs>/<name>/`, with one folder per stage. Nothing in it is ever deleted or overwritten:
 * - complete with the same settings: there is nothing to do;
 * - unfinished with the same settings: needs `resume`, which also starts where there is nothing yet;
 * - made with other settings: an error that names the differing ones;
 * - `overwrite` renames the old folder to `<stage>.old-<n>` and starts afresh.
 */
export class RunFolder {
  constructor(
    readonly path: string,
    readonly name: string,
    private readonly options: RunFolderOptions = {},
  ) {}

  /** The run whose stages are read where this one has none. */
  get base(): RunFolder | undefined {
    return this.options.base;
  }

  /** Where this run keeps a stage of its own. */
  folderOf(stage: string): string {
    return join(this.path, stage);
  }

  /** The run that has a stage: this one, or else its base, or that one's. */
  async holderOf(stage: StageName): Promise<RunFolder> {
    const { base } = this.options;
    return base === undefined || (await exists(this.folderOf(stage))) ? this : base.holderOf(stage);
  }

  /** The record of a stage, where there is one. */
  record(stage: StageName): Promise<StageRecord | undefined> {
    return this.recordIn(this.folderOf(stage));
  }

  /** The parts of a stage that were started, in order of their names; none where the work was not divided. */
  async parts(stage: StageName): Promise<StagePart[]> {
    const folder = this.folderOf(partsOf(stage));
    const names = (await exists(folder)) ? (await readdir(folder)).sort() : [];
    const parts = names.map(async (name) => ({ name, record: await this.recordIn(join(folder, name)) }));
    return (await Promise.all(parts)).flatMap(({ name, record }) =>
      record ? [{ name, record, folder: join(folder, name) }] : [],
    );
  }

  private async recordIn(folder: string): Promise<StageRecord | undefined> {
    const path = join(folder, 'stage.json');
    const text = await readIfThere(path);
    return text === undefined ? undefined : parseStageRecord(text, path);
  }

  /** All stages that one needs; an error with the command to run where one is missing. */
  async needed({
    stage,
    needs,
  }: Pick<StagePlan, 'needs'> & { readonly stage: string }): Promise<Map<StageName, NeededStage>> {
    const found = new Map<StageName, NeededStage>();
    for (const need of needs) {
      const holder = await this.holderOf(need);
      const record = await holder.record(need);
      if (record?.status !== 'complete') throw new UserError(await missingMessage(stage, need, holder, record));
      found.set(need, { folder: holder.folderOf(need), record });
    }
    return found;
  }

  /** Decides by the rules above, and makes the folder where there is work to do. */
  async open(plan: StagePlan, mode: StageMode): Promise<Opened> {
    const folder = this.folderOf(plan.part === undefined ? plan.stage : join(partsOf(plan.stage), plan.part));
    const fresh = await this.freshRecord(plan, folder);
    if (mode.overwrite === true) return this.start(fresh, folder, await this.moveAside(folder));
    const old = await this.recordIn(folder);
    if (old === undefined) {
      await this.assertEmpty(folder);
      return this.start(fresh, folder);
    }
    const changes = changesOf(old, await this.forComparison(old, fresh), plan.asNow);
    if (changes !== undefined) {
      if (old.status !== 'complete' && (await madeNothing(folder))) return this.startAnew(fresh, folder);
      if (mode.overwrite === 'outdated') return this.start(fresh, folder, await this.moveAside(folder));
      throw new UserError(conflictMessage(changes, old, folder));
    }
    if (old.status === 'complete') return { kind: 'done', folder, record: old };
    if (!mode.resume) throw new UserError(unfinishedMessage(plan.stage, folder));
    return { kind: 'resume', folder, record: old };
  }

  /** A stage as those look at it who compare contents. */
  at(stage: StageName): StageAt {
    const folder = this.folderOf(stage);
    return {
      folder,
      record: () => this.record(stage),
      stages: async () => {
        const { upstream: before = {}, inputs } = (await this.record(stage)) ?? {};
        return { before, now: await (inputs === undefined ? this.fingerprints(before) : this.holdings(before)) };
      },
      keep: async (contents) => {
        const record = await this.record(stage);
        if (record !== undefined) await this.write({ ...record, contents }, folder);
      },
    };
  }

  /** Undoes the start of a stage that has made nothing: what was there before it is there again. */
  async undo({ kind, folder, ...opened }: Opened): Promise<void> {
    if (kind !== 'start' || !(await madeNothing(folder))) return;
    await rm(folder, { recursive: true });
    if ('movedTo' in opened && opened.movedTo !== undefined) await rename(opened.movedTo, folder);
  }

  /** A record of before stages said what they hold names them all by their fingerprints. */
  private async forComparison(old: StageRecord, fresh: StageRecord): Promise<StageRecord> {
    if (old.inputs !== undefined || fresh.inputs === undefined) return fresh;
    return { ...fresh, inputs: {}, upstream: await this.fingerprints(old.upstream) };
  }

  private fingerprints(upstream: StageRecord['upstream']): Promise<Record<string, string>> {
    return this.ofStages(upstream, ({ fingerprint }) => fingerprint);
  }

  private holdings(upstream: StageRecord['upstream']): Promise<Record<string, string>> {
    return this.ofStages(upstream, holdingOf);
  }

  private async ofStages(upstream: StageRecord['upstream'], of: (record: StageRecord) => string) {
    const values: Record<string, string> = {};
    for (const name of Object.keys(upstream) as StageName[]) {
      const record = await (await this.holderOf(name)).record(name);
      if (record?.status === 'complete') values[name] = of(record);
    }
    return values;
  }

  /** Writes `stage.json` after the work, or after a part of it: `seconds` are added up. */
  async close({ record, folder }: Pick<Opened, 'record' | 'folder'>, outcome: StageOutcome): Promise<StageRecord> {
    const closed = { ...record, ...outcome, seconds: record.seconds + outcome.seconds };
    await this.write(closed, folder);
    return closed;
  }

  private async start(record: StageRecord, folder: string, movedTo?: string): Promise<Opened> {
    await makeFolder(folder);
    await this.write(record, folder);
    return { kind: 'start', folder, record, ...(movedTo === undefined ? {} : { movedTo }) };
  }

  /** Takes the place of a stage that has made nothing. */
  private async startAnew(record: StageRecord, folder: string): Promise<Opened> {
    await clearStage(folder);
    return this.start(record, folder);
  }

  private write(record: StageRecord, folder: string): Promise<void> {
    return writeJson(join(folder, 'stage.json'), record);
  }

  private async freshRecord(plan: StagePlan, folder: string): Promise<StageRecord> {
    const { stage, settings, inputs } = plan;
    const needed = await this.needed(plan);
    const read = Object.fromEntries([...needed].map(([name, need]) => [name, relative(folder, need.folder)]));
    const counted = [...needed].filter(([name]) => inputs === undefined || name !== 'data');
    const upstream = Object.fromEntries(counted.map(([name, { record }]) => [name, holdingOf(record)]));
    const created = (this.options.now?.() ?? new Date()).toISOString();
    return {
      stage,
      status: 'unfinished',
      fingerprint: fingerprintOf({ stage, settings, upstream, inputs }),
      settings,
      upstream,
      ...(inputs && { inputs }),
      read,
      created,
      seconds: 0,
      summary: {},
      environment: {},
    };
  }

  private async moveAside(folder: string): Promise<string | undefined> {
    if (!(await exists(folder))) return undefined;
    let n = 1;
    while (await exists(`${folder}.old-${n}`)) n++;
    await rename(folder, `${folder}.old-${n}`);
    return `${folder}.old-${n}`;
  }

  private async assertEmpty(folder: string): Promise<void> {
    const there = (await exists(folder)) ? await readdir(folder) : [];
    const files = there.filter((name) => !isTemporary(name));
    if (files.length === 0) return;
    throw new UserError(
      `${folder}: expected no folder or one that wbdc made (with stage.json), got ${files.length} files without it: ` +
        `move them away, choose another --name, or let --overwrite rename the folder`,
    );
  }
}

/** What a stage before another one holds, by content where it says so. */
function holdingOf({ contents, fingerprint }: StageRecord): string {
  return contents === undefined ? fingerprint : fingerprintOf(contents);
}

/**
 * Throws where a stage that is read was made with other settings than the configuration now has. The seed is no such
 * setting: several trainings with seeds of their own may read the same data.
 */
export function assertSameSettings(
  { folder, record }: NeededStage,
  settings: JsonObject,
  asNow?: StagePlan['asNow'],
): void {
  const now = { settings, upstream: {} };
  const changes = changesOf({ settings: record.settings, upstream: {} }, now, asNow);
  const different = changes?.settings.filter(({ path }) => path !== 'seed') ?? [];
  if (different.length === 0) return;
  throw new UserError(
    [
      `${folder} was made with other settings than the configuration has now:`,
      ...different.map(({ path, before: there, after: now }) => `  ${path}: there ${there}, now ${now}`),
      `use those it was made with, choose another --name, or make it again with 'npx wbdc ${record.stage} --overwrite'`,
    ].join('\n'),
  );
}

async function missingMessage(
  stage: string,
  need: StageName,
  run: RunFolder,
  record: StageRecord | undefined,
): Promise<string> {
  const parts = await run.parts(need);
  const state =
    record !== undefined ? 'it is unfinished' : parts.length > 0 ? 'there are only shards of it' : 'there is none';
  const command = parts.length > 0 ? `merge-${need}` : record === undefined ? need : `${need} --resume`;
  return (
    `${stage} reads what ${need} made: expected it complete in ${run.folderOf(need)}, but ${state}: ` +
    `run 'npx wbdc ${command}' first with the same --config and --name`
  );
}

function unfinishedMessage(stage: StageName, folder: string): string {
  return (
    `${folder} holds an unfinished ${stage} with these settings: add --resume to go on with it, ` +
    `or --overwrite to start again (the old folder is renamed, not deleted)`
  );
}

function conflictMessage({ settings, contents, stages }: Changes, { created }: StageRecord, folder: string): string {
  const from = settings.length > 0 ? 'with other settings' : 'from something else than there is now';
  return [
    `${folder} was made ${from}:`,
    ...settings.map(({ path, before, after }) => `  ${path}: there ${before}, now ${after}`),
    ...(contents.length > 0 ? [`  ${changedSince(contents, created)}`] : []),
    ...stages.map((name) => `  ${name} was made anew since, from other data or with other settings`),
    `choose another --name to keep both, or --overwrite to make it again (the old folder is renamed, not deleted)`,
  ].join('\n');
}
