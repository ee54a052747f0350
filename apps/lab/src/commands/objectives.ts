import {
  cliCommand,
  interruptible,
  Option,
  Output,
  wholeNumber,
  type CliCommand,
  type Command,
  type Host,
} from '@wbdc/runner/cli';
import { resolve } from 'node:path';
import { withLock } from '@wbdc/io';
import type { StartChild } from '@wbdc/runner/jobs';
import { MODELS, type ModelName } from '../objectives/plan.js';
import { addLabOptions, withJobs, type LabOptions, type ParsedLabOptions } from './options.js';

interface Options extends LabOptions {
  readonly model: ModelName | 'both';
  readonly seeds: number;
  readonly out?: string;
}

const EXAMPLES = `
Examples:
  node apps/lab/bin/lab.js objectives
  node apps/lab/bin/lab.js objectives --model single --seeds 1 --out reports
`;

/** `lab objectives`: what each objective adds, on the embedded data. */
export function addObjectivesCommand(program: Command, host: Host, startChild: StartChild): CliCommand {
  const command = program
    .command('objectives')
    .summary('what each pretraining objective adds, on the embedded data')
    .description(
      'Pretrains both models at demo size with tag, + mlm, + mfm, + ftm, + ftc, + mmm, each with several seeds, ' +
        'finetunes all of them in the same way and writes objectives.md, .json and .svg: the held-out score with ' +
        'mean and deviation, beside the published ablation. Everything stands in runs/<name>/; the same command ' +
        'again goes on where it stopped.',
    )
    .addOption(new Option('--model <name>', 'which model').choices([...MODELS, 'both']).default('both'))
    .option('--seeds <number>', 'seeds of every trial: 1 to this number', wholeNumber(1), 3)
    .option('-o, --out <folder>', 'where to write the report; default: runs/<name>/results');
  return cliCommand(
    addLabOptions(command, 'objectives').addHelpText('after', EXAMPLES),
    (parsed: ParsedLabOptions<Options>) => {
      const options = withJobs<Options>(parsed);
      const models = options.model === 'both' ? MODELS : [options.model];
      return interruptible(host, async (signal) => {
        const { runObjectives } = await import('../objectives/run.js');
        const run = () => runObjectives({ ...options, models }, new Output(host, options), signal, startChild);
        return withLock(resolve(host.folder, 'runs', options.name), run);
      });
    },
  );
}
