import {
  addEngineOptions,
  addOutputOptions,
  collect,
  Option,
  wholeNumber,
  type Command,
  type OutputOptions,
} from '@wbdc/runner/cli';
import type { SharedOptions } from '../jobs/run-jobs.js';

/** Options of a command that runs many stages. */
export interface LabOptions extends SharedOptions, OutputOptions {
  /** Name of the run: everything stands in `runs/<name>/`. */
  readonly name: string;
  /** Stages side by side. */
  readonly jobs: number;
}

/** How many stages run at once and where, with which settings; what computes; how to speak. */
export function addLabOptions(command: Command, name: string): Command {
  command
    .addOption(
      new Option('-j, --jobs <number>', 'stages to run side by side, each in a process with its share of the cores')
        .argParser(wholeNumber(1))
        .default(1),
    )
    .option('-n, --name <name>', 'name of the run', name)
    .addOption(
      new Option('-s, --set <key=value>', 'change one setting of all, e.g. train.epochs=1; may be repeated')
        .argParser(collect)
        .default([], 'none'),
    );
  return addOutputOptions(addEngineOptions(command));
}
