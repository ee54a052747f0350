import { WbdcError } from '@wbdc/io/errors';
import { Option, wholeNumber, type CliCommand, type Command, type Host } from '@wbdc/runner/cli';
import type { StartChild } from '../jobs/child.js';
import { AXES, type Axis } from '../objectives/plan.js';
import { addLadderOptions, ladderCommand, WITH_CORPUS, type LadderOptions, type WithLadder } from './ladder.js';

interface Options extends Omit<LadderOptions, 'start' | 'ends'> {
  readonly axis?: readonly Axis[];
  readonly epochs: number;
  readonly width: number;
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
    .option('--epochs <number>', 'epochs of pretraining in the middle', wholeNumber(1), 3)
    .option('--width <number>', 'width of the model in the middle', wholeNumber(8), 128);
  return ladderCommand<Options>(
    addLadderOptions(command, { model: 'single', data: 'text', upTo: 3, probe: 'both' }),
    host,
    async (options, output, signal) => {
      const { runAblation } = await import('../ablation/run.js');
      const { epochs, width } = options;
      return runAblation(
        { ...options, ablation: { axes: axesOf(options), epochs, width } },
        output,
        signal,
        startChild,
      );
    },
    { examples: EXAMPLES, withCorpus: 'text' },
  );
}

/**
 * What is asked for, or all that the data have.
 *
 * @throws WbdcError for a corpus that is not there
 */
function axesOf({ axis, data, ladder: { corpus } }: WithLadder<Options>): readonly Axis[] {
  if (corpus === undefined && axis?.includes('corpus'))
    throw new WbdcError({ where: '--axis corpus', expected: WITH_CORPUS, got: `--data ${data}, which has no corpus` });
  return axis ?? AXES.filter((one) => one !== 'corpus' || corpus !== undefined);
}
