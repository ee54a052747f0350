import { cliCommand, interruptible, Option, Output, type CliCommand, type Command, type Host } from '@wbdc/runner/cli';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { withLock } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';
import type { StartChild } from '../jobs/child.js';
import { halvesFor, type OwnData, type OwnFolder } from '../competition/own-data.js';
import type { Half } from '../competition/plan.js';
import { EMBEDDED_CORPORA } from '../general-text.js';
import {
  addClusterOptions,
  addLabOptions,
  withJobs,
  type ClusterOptions,
  type LabOptions,
  type ParsedLabOptions,
} from './options.js';

interface Options extends LabOptions, ClusterOptions {
  readonly half: Half | 'both';
  readonly evidence: boolean;
  readonly data: string;
  readonly layout: OwnFolder['layout'];
  readonly pairs?: string;
  readonly heldOutPairs?: string;
}

/** `lab competition`: both competitions on the embedded data or on one's own, from pictures to submissions. */
export function addCompetitionCommand(program: Command, host: Host, startChild: StartChild): CliCommand {
  const command = program
    .command('competition')
    .summary('both competitions on the embedded data or your own, from pictures to submissions')
    .description(
      'Builds the embedded data or reads your own, trains the vision tower, then the six jobs of AIAC 2021 ' +
        '(pretraining and finetuning) with their SVD ensembles, and the models of WBDC 2022 with their probability ' +
        'ensemble, all at demo size, then what each finetuning trick gives. Everything stands in runs/<name>/, the ' +
        'result in results/report.html; a stage that fails is told and the others go on; the same command again goes ' +
        'on where it stopped.',
    )
    .option(
      '--data <set>',
      "the embedded data: 'demo', 'text' (a corpus is read first) or 'large' (12,000 videos besides), or a folder of " +
        'your own',
      'demo',
    )
    .addOption(
      new Option('--layout <name>', 'of your own data: wbdc (annotations/, zip_frames/) or aiac (records)')
        .choices(['wbdc', 'aiac'])
        .default('wbdc'),
    )
    .option('--pairs <file>', 'scored pairs (label.tsv) of your own data in the wbdc layout: the AIAC half needs them')
    .option('--held-out-pairs <file>', 'those of its held-out videos, to measure on')
    .addOption(new Option('--half <half>', 'which competition').choices(['aiac', 'wbdc', 'both']).default('both'))
    .option('--no-evidence', 'leave out the trials: the same finetuning with and without each trick, three seeds each');
  return cliCommand(addClusterOptions(addLabOptions(command, 'competition')), (parsed: ParsedLabOptions<Options>) => {
    const options = withJobs<Options>(parsed);
    const own = ownData(options, host.folder);
    const halves = halvesFor(own, options.half);
    return interruptible(host, async (signal) => {
      const { runCompetition } = await import('../competition/run.js');
      const run = () => runCompetition({ ...options, halves, own }, new Output(host, options), signal, startChild);
      return withLock(resolve(host.folder, 'runs', options.name), run);
    });
  });
}

/** Hours before they are read: pairs that nothing would read, and files that are not there. */
function assertPairs(files: Pick<Options, 'pairs' | 'heldOutPairs'>, embedded: boolean, from: string): void {
  const { pairs, heldOutPairs } = files;
  const given = [['--pairs', pairs] as const, ['--held-out-pairs', heldOutPairs] as const];
  for (const [where, file] of given) {
    if (file === undefined) continue;
    if (embedded) throw new WbdcError({ where, expected: '--data <folder> with it', got: 'the embedded data' });
    if (pairs === undefined) throw new WbdcError({ where, expected: '--pairs <file> with it', got: 'none' });
    if (!existsSync(resolve(from, file))) throw new WbdcError({ where, expected: 'a file', got: `none at ${file}` });
  }
}

/** Paths as they are found from the working folder. */
function ownData(options: Options, from: string): OwnData | undefined {
  const { data, layout, pairs, heldOutPairs } = options;
  const embedded = Object.hasOwn(EMBEDDED_CORPORA, data);
  assertPairs(options, embedded || data === 'demo', from);
  if (data === 'demo') return undefined;
  if (embedded) return { layout: 'embedded', set: data as keyof typeof EMBEDDED_CORPORA };
  const given =
    pairs === undefined
      ? undefined
      : { train: resolve(from, pairs), heldOut: heldOutPairs && resolve(from, heldOutPairs) };
  return { folder: resolve(from, data), layout, pairs: given };
}
