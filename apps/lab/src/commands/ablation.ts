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
import type { StartChild } from '../jobs/child.js';
import { WbdcError } from '@wbdc/io/errors';
import { AXES, MODELS, PROBES, type Axis, type Ladder, type ModelName } from '../objectives/plan.js';
import { ladderOf, WITH_CORPUS, type LadderOptions } from './ladder.js';
import { addLabOptions, withJobs, type LabOptions, type ParsedLabOptions } from './options.js';

interface Options extends LabOptions, Omit<LadderOptions, 'start' | 'ends'> {
  readonly model: ModelName | 'both';
  readonly axis?: readonly Axis[];
  readonly epochs: number;
  readonly width: number;
  readonly seeds: number;
  readonly out?: string;
}

const EXAMPLES = `
Examples:
  node apps/lab/bin/lab.js ablation
  node apps/lab/bin/lab.js ablation --axis share --model both --seeds 5
  node apps/lab/bin/lab.js ablation --axis corpus --probe similarity
  node apps/lab/bin/lab.js ablation --data large --axis share --probe similarity
`;

/** `lab ablation`: what decides how much pretraining gives. */
export function addAblationCommand(program: Command, host: Host, startChild: StartChild): CliCommand {
  const command = program
    .command('ablation')
    .summary('what decides how much pretraining gives: data, steps, width, text')
    .description(
      'Pretrains at demo size with 1/8, 1/4, 1/2 and all of the videos (in as many steps), with a third, once and ' +
        'three times the epochs, and at half, once and twice the width, finetunes all of them and fresh weights in ' +
        'the same way; of a corpus, finetunes what has read 1/16, 1/4 and all of it once, and seen no video. Writes ' +
        'ablation.md, .json and a chart for each axis: the gain over no pretraining, and what pretraining itself has ' +
        'learned. Everything stands in runs/<name>/; the same command again goes on where it stopped.',
    )
    .addOption(
      new Option('--axis <name...>', 'what to vary').choices(AXES).default(undefined, 'all that the data have'),
    )
    .addOption(new Option('--model <name>', 'which model').choices([...MODELS, 'both']).default('single'))
    .option('--seeds <number>', 'seeds of every trial: 1 to this number', wholeNumber(1), 3)
    .option('--data <set>', "'demo', 'text' (with a corpus, read first), 'large', or a folder of your own", 'text')
    .option('--up-to <number>', 'pretrain with the first so many objectives', wholeNumber(1), 3)
    .option('--epochs <number>', 'epochs of pretraining in the middle', wholeNumber(1), 3)
    .option('--width <number>', 'width of the model in the middle', wholeNumber(8), 128)
    .addOption(new Option('--probe <task>', 'finetuning to probe by').choices([...PROBES, 'both']).default('both'))
    .option('-o, --out <folder>', 'where to write the report; default: runs/<name>/results');
  return cliCommand(
    addLabOptions(command, 'ablation').addHelpText('after', EXAMPLES),
    (parsed: ParsedLabOptions<Options>) => {
      const options = withJobs<Options>(parsed);
      const models = options.model === 'both' ? MODELS : [options.model];
      const { epochs, width } = options;
      return interruptible(host, async (signal) => {
        const { runAblation } = await import('../ablation/run.js');
        const ladder = await ladderOf(options, host.folder, 'text');
        const axes = axesOf(options, ladder);
        const all = { ...options, models, ladder, ablation: { axes, epochs, width } };
        const run = () => runAblation(all, new Output(host, options), signal, startChild);
        return withLock(resolve(host.folder, 'runs', options.name), run);
      });
    },
  );
}

/**
 * What is asked for, or all that the data have.
 *
 * @throws WbdcError for a corpus that is not there
 */
function axesOf({ axis, data }: Pick<Options, 'axis' | 'data'>, { corpus }: Ladder): readonly Axis[] {
  if (corpus === undefined && axis?.includes('corpus'))
    throw new WbdcError({ where: '--axis corpus', expected: WITH_CORPUS, got: `--data ${data}, which has no corpus` });
  return axis ?? AXES.filter((one) => one !== 'corpus' || corpus !== undefined);
}
