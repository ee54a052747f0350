import { cliCommand, interruptible, Option, Output, type CliCommand, type Command, type Host } from '@wbdc/runner/cli';
import { resolve } from 'node:path';
import { withLock } from '@wbdc/io';
import type { StartChild } from '@wbdc/runner/jobs';
import type { Half } from '../competition/plan.js';
import { addLabOptions, withJobs, type LabOptions, type ParsedLabOptions } from './options.js';

interface Options extends LabOptions {
  readonly half: Half | 'both';
  readonly evidence: boolean;
}

/** `lab competition`: both competitions on the embedded data, from pictures to submissions. */
export function addCompetitionCommand(program: Command, host: Host, startChild: StartChild): CliCommand {
  const command = program
    .command('competition')
    .summary('both competitions on the embedded data, from pictures to submissions')
    .description(
      'Builds the embedded data, trains the vision tower, then the six jobs of QQ Browser AIAC 2021 (pretraining and ' +
        'finetuning) with their SVD ensembles, and the models of WBDC 2022 with their probability ensemble, all at ' +
        'demo size, then what each finetuning trick gives. Everything stands in runs/<name>/, the result in ' +
        'results/report.html; a stage that fails is told and the others go on; the same command again goes on ' +
        'where it stopped.',
    )
    .addOption(new Option('--data <set>', 'which data').choices(['demo']).default('demo'))
    .addOption(new Option('--half <half>', 'which competition').choices(['aiac', 'wbdc', 'both']).default('both'))
    .option('--no-evidence', 'leave out the trials: the same finetuning with and without each trick, three seeds each');
  return cliCommand(addLabOptions(command, 'competition'), (parsed: ParsedLabOptions<Options>) => {
    const options = withJobs<Options>(parsed);
    const halves: readonly Half[] = options.half === 'both' ? ['aiac', 'wbdc'] : [options.half];
    return interruptible(host, async (signal) => {
      const { runCompetition } = await import('../competition/run.js');
      const run = () => runCompetition({ ...options, halves }, new Output(host, options), signal, startChild);
      return withLock(resolve(host.folder, 'runs', options.name), run);
    });
  });
}
