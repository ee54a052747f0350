import { Option, type Command } from 'commander';
import { cliCommand, type CliCommand } from '../command-line.js';
import type { Half } from '../competition/plan.js';
import { childStarter } from '../jobs/child.js';
import { interruptible } from '../interrupt.js';
import { Output } from '../output.js';
import type { Host } from '../host.js';
import { addEngineOptions, addOutputOptions, collect, jobsOption, type StageOptions } from './options.js';

interface Options extends StageOptions {
  readonly half: Half | 'both';
  readonly jobs: number;
  readonly evidence: boolean;
}

/** `wbdc competition`: both competitions on the embedded data, from pictures to submissions. */
export function addCompetitionCommand(program: Command, host: Host): CliCommand {
  const command = program
    .command('competition')
    .summary('both competitions on the embedded data, from pictures to submissions')
    .description(
      'Builds the embedded data, trains the vision tower, then the six jobs of QQ Browser AIAC 2021 (pretraining and ' +
        'finetuning) with their SVD ensembles, and the models of WBDC 2022 with their probability ensemble, all at demo ' +
        'size, then what each finetuning trick gives. Everything stands in runs/<name>/, the result in results/report.html; a ' +
        'stage that fails is told and the others go on; the same command again goes on where it stopped.',
    )
    .addOption(new Option('--data <set>', 'which data').choices(['demo']).default('demo'))
    .addOption(new Option('--half <half>', 'which competition').choices(['aiac', 'wbdc', 'both']).default('both'))
    .addOption(jobsOption())
    .option('--no-evidence', 'leave out the trials: the same finetuning with and without each trick, three seeds each')
    .option('-n, --name <name>', 'name of the run', 'competition')
    .addOption(
      new Option('-s, --set <key=value>', 'change one setting of every model, e.g. train.epochs=1; may be repeated')
        .argParser(collect)
        .default([], 'none'),
    );
  return cliCommand(addOutputOptions(addEngineOptions(command)), (options: Options) => {
    const halves: readonly Half[] = options.half === 'both' ? ['aiac', 'wbdc'] : [options.half];
    return interruptible(host, async (signal) => {
      const { runCompetition } = await import('../competition/run.js');
      return runCompetition({ ...options, halves }, new Output(host, options), signal, childStarter());
    });
  });
}
