import {
  addEngineOptions,
  addOutputOptions,
  collect,
  InvalidArgumentError,
  Option,
  wholeNumber,
  type Command,
  type OutputOptions,
} from '@wbdc/runner/cli';
import { WbdcError } from '@wbdc/io/errors';
import type { SharedOptions } from '../jobs/run-jobs.js';

/** Options of a command that runs many stages. */
export interface LabOptions extends SharedOptions, OutputOptions {
  /** Name of the run: everything stands in `runs/<name>/`. */
  readonly name: string;
  /** Stages side by side. */
  readonly jobs: number;
}

/** As commander parses them. */
export type ParsedLabOptions<O extends LabOptions> = Omit<O, 'jobs'> & { readonly jobs?: number };

/**
 * With so many jobs as there are devices, where nothing is said.
 *
 * @throws WbdcError where cards are named to an engine that does not look at what CUDA is told
 */
export function withJobs<O extends LabOptions>(options: ParsedLabOptions<O>): O {
  const { devices, engine = 'auto' } = options;
  if (devices !== undefined && !['auto', 'tensorflow'].includes(engine)) {
    throw new WbdcError({
      where: '--devices',
      expected: '--engine tensorflow, which CUDA gives its cards',
      got: engine,
    });
  }
  return { ...options, jobs: options.jobs ?? options.devices?.length ?? 1 } as O;
}

function deviceList(value: string): string[] {
  const ids = value.split(',').map((id) => id.trim());
  // What CUDA does not know it shows as no card, and the stage would go on without.
  if (ids.every((id) => /^(\d+|(GPU|MIG)-[\w-]+)$/.test(id)) && new Set(ids).size === ids.length) return ids;
  const expected = 'expected numbers or UUIDs of cards with commas between, each once, such as 0,1';
  throw new InvalidArgumentError(`${expected}, got '${value}'.`);
}

/** How many stages run at once and where, with which settings; what computes; how to speak. */
export function addLabOptions(command: Command, name: string): Command {
  command
    .addOption(
      new Option('-j, --jobs <number>', 'stages to run side by side, each in a process with its share of the cores')
        .argParser(wholeNumber(1))
        .default(undefined, 'one for each of --devices, else 1'),
    )
    .addOption(
      new Option(
        '--devices <list>',
        'cards to share out, such as 0,1,2,3: each stage sees one (CUDA_VISIBLE_DEVICES; engine tensorflow)',
      ).argParser(deviceList),
    )
    .option('-n, --name <name>', 'name of the run', name)
    .addOption(
      new Option('-s, --set <key=value>', 'change one setting of all, e.g. train.epochs=1; may be repeated')
        .argParser(collect)
        .default([], 'none'),
    );
  return addOutputOptions(addEngineOptions(command));
}

/** Options of a command whose stages can be jobs of a cluster. */
export interface ClusterOptions {
  readonly on: 'here' | 'slurm';
  readonly watch?: boolean;
  readonly shards: number;
  readonly ranks: number;
  readonly sbatch: readonly string[];
}

export function addClusterOptions(command: Command): Command {
  return command
    .addOption(new Option('--on <where>', 'what runs the stages').choices(['here', 'slurm']).default('here'))
    .option('--watch', 'with --on slurm: show the jobs until all have ended, then gather what they measured')
    .addOption(
      new Option('--shards <n>', 'with --on slurm: jobs of an array that share the features of a run')
        .argParser(wholeNumber(1))
        .default(1),
    )
    .addOption(
      new Option('--ranks <n>', 'with --on slurm: processes of each training, under mpirun')
        .argParser(wholeNumber(1))
        .default(1),
    )
    .addOption(
      new Option(
        '--sbatch <option>',
        'with --on slurm: an option of sbatch, e.g. --sbatch=--partition=gpu; may be repeated',
      )
        .argParser(collect)
        .default([], 'none'),
    );
}
