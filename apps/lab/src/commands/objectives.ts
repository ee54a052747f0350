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
import type { StartChild } from '@wbdc/runner/jobs';
import { wbdcLayout } from '@wbdc/data';
import { WbdcError } from '@wbdc/io/errors';
import { exists, withLock } from '@wbdc/io';
import { MODELS, OBJECTIVES, type Ladder, type ModelName } from '../objectives/plan.js';
import { addLabOptions, withJobs, type LabOptions, type ParsedLabOptions } from './options.js';

interface Options extends LabOptions {
  readonly model: ModelName | 'both';
  readonly seeds: number;
  readonly out?: string;
  readonly data: string;
  readonly upTo: number;
  readonly ends?: boolean;
}

const EXAMPLES = `
Examples:
  node apps/lab/bin/lab.js objectives --data large --up-to 3 --seeds 5
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

/** The data of a ladder; a corpus is used where there is one. */
async function ladderOf({ data, upTo, ends = false }: Options, from: string): Promise<Ladder> {
  if (upTo > OBJECTIVES.length) {
    throw new WbdcError({ where: '--up-to', expected: `at most ${OBJECTIVES.length}`, got: String(upTo) });
  }
  const words = [
    data === 'demo' ? '' : `--data ${data}`,
    upTo === OBJECTIVES.length ? '' : `--up-to ${upTo}`,
    ends ? '--ends' : '',
  ];
  const shared = { upTo, ends, words: words.filter((word) => word !== '').join(' ') };
  if (data === 'demo') return { ...shared, data: [], corpus: false };
  if (data === 'text' || data === 'large') return { ...shared, data: [`data.set=${data}`], corpus: true };
  const folder = resolve(from, data);
  const corpus = await exists(wbdcLayout(folder).annotations('corpus'));
  return { ...shared, data: [`data.folder=${folder}`], corpus };
}
