import { resolve } from 'node:path';
import { wbdcLayout } from '@wbdc/data';
import { exists, withLock } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';
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
import { EMBEDDED_CORPORA } from '../general-text.js';
import { MODELS, OBJECTIVES, PROBES, type Ladder, type ModelName, type Probe, type Start } from '../objectives/plan.js';
import { addLabOptions, withJobs, type LabOptions, type ParsedLabOptions } from './options.js';

/** Options of a command that pretrains with objectives and probes what that gives. */
export interface LadderOptions extends LabOptions {
  readonly model: ModelName | 'both';
  readonly seeds: number;
  readonly data: string;
  readonly upTo: number;
  readonly ends?: boolean;
  readonly start?: Start;
  readonly corpus?: number;
  readonly probe: Probe | 'both';
  readonly out?: string;
}

/** The same with what they mean. */
export type WithLadder<O extends LadderOptions> = O & {
  readonly models: readonly ModelName[];
  readonly ladder: Ladder;
};

/** Which models, how often, on what, by what they are probed, and where the report goes. */
export function addLadderOptions(
  command: Command,
  { model, data, upTo, probe }: Pick<LadderOptions, 'model' | 'data' | 'upTo' | 'probe'>,
): Command {
  return command
    .addOption(new Option('--model <name>', 'which model').choices([...MODELS, 'both']).default(model))
    .option('--seeds <number>', 'seeds of every trial: 1 to this number', wholeNumber(1), 3)
    .option(
      '--data <set>',
      "'demo', 'text' (with a corpus), 'large', or a folder of your own, with corpus.json or not",
      data,
    )
    .option('--up-to <number>', 'pretrain with the first so many objectives', wholeNumber(1), upTo)
    .addOption(new Option('--probe <task>', 'finetuning to probe by').choices([...PROBES, 'both']).default(probe))
    .option('-o, --out <folder>', 'where to write the report; default: runs/<name>/results');
}

/**
 * A command with these options, whose run nobody else runs meanwhile.
 *
 * @param withCorpus what pretraining starts from where there is one, where nothing is said
 */
export function ladderCommand<O extends LadderOptions>(
  command: Command,
  host: Host,
  run: (options: WithLadder<O>, output: Output, signal: AbortSignal) => Promise<number>,
  { examples, withCorpus }: { readonly examples: string; readonly withCorpus: Start },
): CliCommand {
  const whole = addLabOptions(command, command.name()).addHelpText('after', examples);
  return cliCommand(whole, (parsed: ParsedLabOptions<O>) => {
    const options = withJobs<O>(parsed);
    const models = options.model === 'both' ? MODELS : [options.model];
    return interruptible(host, async (signal) => {
      const ladder = await ladderOf(options, host.folder, withCorpus);
      const folder = resolve(host.folder, 'runs', options.name);
      return withLock(folder, () => run({ ...options, models, ladder }, new Output(host, options), signal));
    });
  });
}

/** What has one. */
export const WITH_CORPUS = "--data 'text', 'large' or a folder with annotations/corpus.json";

/**
 * The data of a ladder; a corpus is used where there is one.
 *
 * @param withCorpus what pretraining starts from then, where nothing is said
 * @throws WbdcError for more objectives than there are, or a start from a corpus that is not there
 */
async function ladderOf(options: LadderOptions, from: string, withCorpus: Start): Promise<Ladder> {
  const { data, upTo, ends = false, probe, corpus: share } = options;
  if (upTo > OBJECTIVES.length) {
    throw new WbdcError({ where: '--up-to', expected: `at most ${OBJECTIVES.length}`, got: String(upTo) });
  }
  const corpus = await corpusOf(data, from);
  const { start = corpus ? withCorpus : 'fresh' } = options;
  if (!corpus && start !== 'fresh') {
    throw new WbdcError({
      where: `--start ${start}`,
      expected: WITH_CORPUS,
      got: `--data ${data}, which has no corpus`,
    });
  }
  if (share !== undefined && start === 'fresh')
    throw new WbdcError({ where: '--corpus', expected: `${WITH_CORPUS}, and --start text or both`, got: 'neither' });
  const words = [
    data === 'demo' ? '' : `--data ${data}`,
    upTo === OBJECTIVES.length ? '' : `--up-to ${upTo}`,
    ends ? '--ends' : '',
    options.start === undefined ? '' : `--start ${start}`,
    share === undefined ? '' : `--corpus ${share}`,
    probe === 'category' ? '' : `--probe ${probe}`,
  ];
  return {
    ...{ upTo, ends, start, words: words.filter((word) => word !== '').join(' ') },
    ...(corpus && { corpus }),
    ...(share !== undefined && { share }),
    probes: probe === 'both' ? PROBES : [probe],
    data: isEmbedded(data) ? (data === 'demo' ? [] : [`data.set=${data}`]) : [`data.folder=${resolve(from, data)}`],
  };
}

/** The splits of the corpus. */
async function corpusOf(data: string, from: string): Promise<readonly string[] | undefined> {
  if (isEmbedded(data)) return EMBEDDED_CORPORA[data];
  return (await exists(wbdcLayout(resolve(from, data)).annotations('corpus'))) ? ['corpus'] : undefined;
}

const isEmbedded = (data: string): boolean => data === 'demo' || data in EMBEDDED_CORPORA;
