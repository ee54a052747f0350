import { InvalidArgumentError, Option, type Command } from 'commander';
import type { Flag } from '../config/load.js';

/** Options every stage command has, as commander parses them. */
export interface StageOptions {
  readonly config?: string;
  readonly name?: string;
  readonly set: readonly string[];
  readonly engine?: string;
  readonly threads?: number;
  readonly precision?: string;
  readonly provider?: string;
  readonly dtype?: 'fp32' | 'fp16' | 'int8';
  readonly seed?: number;
  readonly frames?: string;
  readonly features?: string;
  readonly shard?: string;
  readonly shards?: number;
  readonly gradientDtype?: 'fp32' | 'bf16';
  readonly zero?: '0' | '1';
  readonly resume?: boolean;
  readonly overwrite?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly debug?: boolean;
}

const ENGINES = ['auto', 'ort', 'cpu', 'tensorflow', 'webgpu'];
const TYPES = ['fp32', 'bf16'];
const PRECISIONS = [...TYPES, 'fp16'];
const DTYPE_HELP = 'in what ONNX Runtime keeps weights for features, predictions, embeddings and export (dtype)';
const PROVIDER_HELP = 'on what ONNX Runtime computes features, predictions and embeddings (provider)';

/** Options that say which run and how. */
export function addRunOptions(command: Command): Command {
  return command
    .option('-c, --config <file>', 'configuration (YAML); without it every setting has its default')
    .option('-n, --name <name>', 'name of the run: outputs go to runs/<name>/ (run.name)')
    .addOption(
      new Option('-s, --set <key=value>', 'change one setting, e.g. model.layers=4; may be repeated')
        .argParser(collect)
        .default([], 'none'),
    )
    .option('--seed <number>', 'seed of every random choice (seed)', wholeNumber(0));
}

/** Options that say what computes. */
export function addEngineOptions(command: Command): Command {
  return command
    .addOption(new Option('--engine <name>', 'what computes (engine)').choices(ENGINES))
    .option('--threads <number>', 'threads of the engine, one per core by default (threads)', wholeNumber(1))
    .addOption(new Option('--precision <name>', 'in what matrices are multiplied (precision)').choices(PRECISIONS))
    .addOption(new Option('--provider <name>', PROVIDER_HELP).choices(['cpu', 'webgpu']))
    .addOption(new Option('--dtype <name>', DTYPE_HELP).choices(['fp32', 'fp16', 'int8']));
}

/** Options that say where data are that are in no folder of the run: on a server, too. */
export function addDataOptions(command: Command): Command {
  return command
    .option('--frames <where>', 'zip_frames/ in a folder or at an address: https://..., s3://bucket/key (data.frames)')
    .option('--features <where>', 'stores of features that are there already, likewise (data.features)');
}

/** Options that say which part of the work is meant. */
export function addShardOptions(command: Command): Command {
  return command
    .option(
      '--shard <i/n>',
      'do part i of n, from 0; default: the task of a Slurm array or pod of an Indexed Job it runs as',
    )
    .option('--shards <n>', 'how many parts, where the environment only says which this is', wholeNumber(1));
}

/** Options of what several processes train. */
export function addRankOptions(command: Command): Command {
  const dtype = new Option('--gradient-dtype <name>', 'in what gradients travel between ranks').choices(TYPES);
  const zero = new Option('--zero <stage>', 'what ranks divide: 1, the moments of AdamW; 0, nothing').choices([
    '0',
    '1',
  ]);
  return command.addOption(dtype.default('fp32')).addOption(zero.default('0'));
}

/** How a table of texts is read. */
export interface TableOptions {
  readonly column: readonly string[];
  readonly separator?: string;
  readonly encoding?: string;
}

/** Options that say how a table of texts is read. */
export function addTableOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--column <field=column>', 'which column of the table holds what; may be repeated')
        .argParser(collect)
        .default([], 'by their names'),
    )
    .addOption(
      new Option('--separator <sign>', 'between the cells of the table, or "tab"').default(undefined, 'found out'),
    )
    .addOption(new Option('--encoding <name>', 'of the table, such as gb18030').default(undefined, 'UTF-8'));
}

/** What recognises texts, where --ocr and --asr ask for it. */
export function addRecognizerOptions(command: Command): Command {
  return command
    .option('--ocr-command <command>', 'a program that reads pictures, in place of @gutenye/ocr-node (--ocr)')
    .option('--asr-model <folder>', 'a model of sherpa-onnx, for speech (--asr)')
    .option('--asr-command <command>', 'a program that writes down speech (--asr)');
}

/** The sign that --separator means. */
export function separatorOf(separator: string | undefined): string | undefined {
  return separator?.toLowerCase() === 'tab' ? '\t' : separator;
}

/** Options that say how to speak. */
export function addOutputOptions(command: Command): Command {
  return command
    .option('--json', 'print one JSON object on stdout, everything else on stderr')
    .option('-q, --quiet', 'print warnings and errors only')
    .addOption(
      new Option('--debug', 'print stacks of errors, and kernels that fall back to plain JavaScript').env('WBDC_DEBUG'),
    );
}

/** All options of a stage command. */
export function addStageOptions(command: Command): Command {
  addDataOptions(addEngineOptions(addRunOptions(command)))
    .option('--resume', 'go on with an interrupted stage; starts it where there is nothing yet')
    .option('--overwrite', 'make it again; what is there is renamed to <stage>.old-<n>');
  return addOutputOptions(command);
}

/** Settings with an option of their own. */
const FLAGS = {
  ...{ name: 'run.name', engine: 'engine', threads: 'threads', precision: 'precision', provider: 'provider' },
  ...{ dtype: 'dtype', seed: 'seed', frames: 'data.frames', features: 'data.features' },
} as const;

/** The settings given by options of their own, for the configuration. */
export function flagsOf(options: Partial<Pick<StageOptions, keyof typeof FLAGS>>): Flag[] {
  const given = Object.entries(FLAGS).map(([name, path]) => ({
    name,
    path,
    value: options[name as keyof typeof FLAGS],
  }));
  const flags = given.filter(({ value }) => value !== undefined);
  return flags.map(({ name, path, value }) => ({ option: `--${name} ${value}`, path: path.split('.'), value }));
}

export function collect(value: string, previous: readonly string[]): string[] {
  return [...previous, value];
}

/** Parses the value of an option. */
export function wholeNumber(smallest: number): (value: string) => number {
  return (value) => {
    const number = Number(value);
    if (value.trim() === '' || !Number.isSafeInteger(number) || number < smallest) {
      throw new InvalidArgumentError(`expected a whole number from ${smallest}, got '${value}'.`);
    }
    return number;
  };
}
