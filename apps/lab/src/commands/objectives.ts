import { InvalidArgumentError, Option, type CliCommand, type Command, type Host } from '@wbdc/runner/cli';
import type { StartChild } from '../jobs/child.js';
import { OBJECTIVES, STARTS } from '../objectives/plan.js';
import { addLadderOptions, ladderCommand, type LadderOptions } from './ladder.js';

const EXAMPLES = `
Examples:
  node apps/lab/bin/lab.js objectives --data text --up-to 3 --seeds 5 --probe both
  node apps/lab/bin/lab.js objectives --data text --up-to 3 --start text --corpus 1 --probe both
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
    .option('--ends', 'leave out what lies between no pretraining and the last objective')
    .addOption(
      new Option(
        '--start <weights>',
        'what pretraining starts from: fresh weights, a text side that has read the corpus, or it and the last once ' +
          'more from fresh weights; default: both where there is a corpus',
      ).choices(STARTS),
    )
    .option(
      '--corpus <share>',
      "this share of the whole corpus is read, once, in place of the part near to the videos' texts, 8 times",
      shareOf,
    );
  return ladderCommand<LadderOptions>(
    addLadderOptions(command, { model: 'both', data: 'demo', upTo: OBJECTIVES.length, probe: 'category' }),
    host,
    async (options, output, signal) => {
      const { runObjectives } = await import('../objectives/run.js');
      return runObjectives(options, output, signal, startChild);
    },
    { examples: EXAMPLES, withCorpus: 'both' },
  );
}

function shareOf(value: string): number {
  const share = Number(value);
  if (share > 0 && share <= 1) return share;
  throw new InvalidArgumentError(`expected a share, more than 0 and at most 1, got '${value}'.`);
}
