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
import type { StartChild } from '../jobs/child.js';
import { withLock } from '@wbdc/io';
import { MODELS, OBJECTIVES, PROBES, STARTS, type ModelName } from '../objectives/plan.js';
import { ladderOf, type LadderOptions } from './ladder.js';
import { addLabOptions, withJobs, type LabOptions, type ParsedLabOptions } from './options.js';

interface Options extends LabOptions, LadderOptions {
  readonly model: ModelName | 'both';
  readonly seeds: number;
  readonly out?: string;
}

const EXAMPLES = `
Examples:
  node apps/lab/bin/lab.js objectives --data text --up-to 3 --seeds 5 --probe both
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
    .option(
      '--data <set>',
      "'demo', 'text' (with a corpus), 'large', or a folder of your own, with corpus.json or not",
      'demo',
    )
    .option('--up-to <number>', 'only the first so many objectives', wholeNumber(1), OBJECTIVES.length)
    .option('--ends', 'leave out what lies between no pretraining and the last objective')
    .addOption(
      new Option(
        '--start <weights>',
        'what pretraining starts from: fresh weights, a text side that has read the corpus, or it and the last once ' +
          'more from fresh weights; default: both where there is a corpus',
      ).choices(STARTS),
    )
    .addOption(new Option('--probe <task>', 'finetuning to probe by').choices([...PROBES, 'both']).default('category'))
    .option('-o, --out <folder>', 'where to write the report; default: runs/<name>/results');
  return cliCommand(
    addLabOptions(command, 'objectives').addHelpText('after', EXAMPLES),
    (parsed: ParsedLabOptions<Options>) => {
      const options = withJobs<Options>(parsed);
      const models = options.model === 'both' ? MODELS : [options.model];
      return interruptible(host, async (signal) => {
        const { runObjectives } = await import('../objectives/run.js');
        const ladder = await ladderOf(options, host.folder);
        const run = () => runObjectives({ ...options, models, ladder }, new Output(host, options), signal, startChild);
        return withLock(resolve(host.folder, 'runs', options.name), run);
      });
    },
  );
}
