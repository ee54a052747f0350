import { Option, type Command } from 'commander';
import { cliCommand, type CliCommand } from '../command-line.js';
import { interruptible } from '../interrupt.js';
import { childStarter } from '../jobs/child.js';
import { MODELS, type ModelName } from '../objectives/plan.js';
import { Output } from '../output.js';
import type { Host } from '../host.js';
import { addEngineOptions, addOutputOptions, collect, jobsOption, wholeNumber, type StageOptions } from './options.js';

interface Options extends StageOptions {
  readonly model: ModelName | 'both';
  readonly seeds: number;
  readonly jobs: number;
  readonly out?: string;
}

/** `wbdc objectives`: what each objective adds, on the embedded data. */
export function addObjectivesCommand(program: Command, host: Host): CliCommand {
  const command = program
    .command('objectives')
    .summary('what each pretraining objective adds, on the embedded data')
    .description(
      'Pretrains both models at demo size with tag, + mlm, + mfm, + ftm, + ftc, + mmm, each with several seeds, finetunes ' +
        'all of them in the same way and writes objectives.md, .json and .svg: the held-out score with mean and deviation, ' +
        'beside the published ablation. Everything stands in runs/<name>/; the same command again goes on where it stopped.',
    )
    .addOption(new Option('--model <name>', 'which model').choices([...MODELS, 'both']).default('both'))
    .option('--seeds <number>', 'seeds of every trial: 1 to this number', wholeNumber(1), 3)
    .addOption(jobsOption())
    .option('-n, --name <name>', 'name of the run', 'objectives')
    .option('-o, --out <folder>', 'where to write the report; default: runs/<name>/results')
    .addOption(
      new Option('-s, --set <key=value>', 'change one setting of every trial, e.g. train.epochs=1; may be repeated')
        .argParser(collect)
        .default([], 'none'),
    );
  addOutputOptions(addEngineOptions(command)).addHelpText(
    'after',
    '\nExamples:\n  npx wbdc objectives\n  npx wbdc objectives --model single --seeds 1 --out reports\n',
  );
  return cliCommand(command, (options: Options) => {
    const models = options.model === 'both' ? MODELS : [options.model];
    return interruptible(host, async (signal) => {
      const { runObjectives } = await import('../objectives/run.js');
      return runObjectives({ ...options, models }, new Output(host, options), signal, childStarter());
    });
  });
}
