import type { DataPart } from '@wbdc/pipeline/contents';
import type { RunOptions } from '@wbdc/pipeline/node';
import type { Config } from '../config/schema.js';
import type { Output } from '../core/output.js';
import type { RunFolder } from './run-folder.js';
import type { Shard } from '@wbdc/pipeline/features';
import type { JsonObject, StageName } from './names.js';

export { STAGES } from './names.js';
export type { JsonObject, StageName } from './names.js';

/** What a stage works with. */
export interface StageContext {
  readonly config: Config;
  /** Where this stage writes; it exists. */
  readonly folder: string;
  /** The folder of an earlier stage, which is complete. */
  readonly upstream: (stage: StageName) => string;
  /** What an earlier stage reported. */
  readonly upstreamSummary: (stage: StageName) => JsonObject;
  /** Something of an earlier attempt with the same settings may be in the folder: go on from there. */
  readonly resume: boolean;
  /**
   * Aborted on the first Ctrl-C: end after the current step, leave what is needed to resume, and return `interrupted`.
   */
  readonly signal: AbortSignal;
  readonly output: Output;
  /** The part of the work that is asked for; all of it where there is none. */
  readonly shard?: Shard;
  /** The engine in use, as {@link selectEngine} describes it; absent for stages that need none. */
  readonly engine?: string;
  readonly run: RunFolder;
  /** Gives settings of an earlier version the defaults of those that they lack. */
  readonly asNow?: (settings: JsonObject) => JsonObject;
  /** The ranks that train together, in a stage that can, and how; this process alone where there are none. */
  readonly ranks?: Pick<RunOptions, 'communicator' | 'gradientDtype' | 'zero'>;
}

/** What a stage leaves behind. */
export interface StageResult {
  readonly status: 'complete' | 'interrupted';
  /** Paths read, with what was found there: 'runs/demo/data/annotations/unlabeled.json: 1,200 videos'. */
  readonly read: readonly Artifact[];
  readonly made: readonly Artifact[];
  /** Numbers worth keeping: kept in stage.json, printed, and given to later stages. */
  readonly summary: JsonObject;
}

/** A file or folder and what is in it. */
export interface Artifact {
  readonly path: string;
  readonly about: string;
}

/**
 * A stage as the command line knows it. Loading the module that does the work is left to `run`, so that `--help` is
 * quick.
 */
export interface Stage {
  readonly name: StageName;
  /** Its command, where that has another name. */
  readonly command?: string;
  /** One line for the list of commands. */
  readonly title: string;
  /** A paragraph for the command's own help. */
  readonly description: string;
  readonly examples: readonly (readonly [command: string, what: string])[];
  /** Earlier stages whose results it reads. */
  readonly needs: readonly StageName[];
  /** More of them, where the configuration says so. */
  readonly alsoNeeds?: (config: Config) => readonly StageName[];
  /** Why a run of this configuration has no such stage; nothing where it has. */
  readonly absentFor?: (config: Config) => string | undefined;
  /** What of the data set its result depends on. */
  readonly reads?: (config: Config) => readonly DataPart[];
  /** Files and folders, by the settings that name them, whose contents its result depends on. */
  readonly files?: (config: Config) => Readonly<Record<string, string | null | undefined>>;
  readonly needsEngine: boolean;
  /** Its work can be divided: `--shard i/n` does a part, in a folder of its own. */
  readonly divisible?: boolean;
  /** It trains, and so can be one of several ranks. */
  readonly trains?: boolean;
  /** Goes on with what is unfinished without being asked: it only gathers what others made. */
  readonly resumes?: boolean;
  /** The part of the configuration its result depends on. */
  readonly settings: (config: Config) => JsonObject;
  readonly run: (context: StageContext) => Promise<StageResult>;
}
