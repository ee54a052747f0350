import { resolve } from 'node:path';
import { wbdcLayout } from '@wbdc/data';
import { exists } from '@wbdc/io';
import { Argument, type Command } from 'commander';
import { cliCommand, type CliCommand } from '../core/command-line.js';
import type { Config } from '../config/schema.js';
import type { CheckItem, CheckRequest } from '@wbdc/pipeline/check';
import { CHECK_JOBS, type CheckJob } from '@wbdc/pipeline/settings';
import { Output, type Terminal } from '../core/output.js';
import type { RunFolder } from '../run/run-folder.js';
import { addEngineOptions, addOutputOptions, addRunOptions, wholeNumber, type StageOptions } from './options.js';
import { configOf, loadEngine, runFolderOf } from './run-stage.js';

interface CheckOptions extends StageOptions {
  readonly videos?: number;
  readonly small?: boolean;
}

/** `wbdc check`: what can be known of a training before hours are spent on it. */
export function addCommands(program: Command, terminal: Terminal): CliCommand {
  const command = program
    .command('check')
    .description(
      'Builds what a training stage of a configuration would train and tries it on made-up examples of the ' +
        'configured sizes: counts parameters and encoder passes, compares the losses at the start with those of ' +
        'ignorance, sees that gradients reach every trained parameter and that 8 samples can be overfitted (at a ' +
        'small size), and estimates memory and time, attacks and averages included. Needs no data: vocab.size and ' +
        '200 categories stand in for it where it is not there. With --small in seconds, at a small size alone. ' +
        'Fresh weights, also where the configuration starts from others. Exit code 1 when something is wrong.',
    )
    .addArgument(new Argument('<job>', 'the stage').choices(CHECK_JOBS))
    .option(
      '--videos <number>',
      'videos to train on (finetune for similarity: pairs), for the time; default: those of the data stage',
      wholeNumber(1),
    );
  command.option('--small', 'at a small size alone: seconds, and nothing about memory and time');
  addOutputOptions(addEngineOptions(addRunOptions(command))).addHelpText(
    'after',
    '\nExamples:\n  npx wbdc check pretrain --config apps/runner/configs/demo.yaml\n' +
      '  npx wbdc check finetune --config apps/runner/configs/aiac2021/job1.yaml --videos 60000\n' +
      '  npx wbdc check pretrain --set model.preset=tiny --videos 100000 --json\n',
  );
  return cliCommand(command, (job: CheckJob, options: CheckOptions) =>
    runCheck(job, options, new Output(terminal, options)),
  );
}

async function runCheck(job: CheckJob, options: CheckOptions, output: Output): Promise<number> {
  const config = await configOf(options, output);
  const engine = await loadEngine(config, output);
  const { check } = await import('@wbdc/pipeline/check');
  const run = runFolderOf(config, output.terminal.folder);
  const examples = options.videos ?? (await countVideos(job, config, run));
  const sizes = await sizesOf(job, config, run, output);
  const items: CheckItem[] = [];
  const request = { ...checkRequest(job, config, examples, sizes), small: options.small ?? false };
  for await (const item of check(request)) {
    items.push(item);
    output.say(lineOf(item));
  }
  const ok = items.every(({ status }) => status !== 'failed');
  const checks = items.map(({ name, status, details }) => ({ name, status, ...details }));
  output.result({ job, ok, engine, checks });
  return ok ? 0 : 1;
}

/** Of WBDC 2022; the data decide it. */
const CLASSES = 200;
/** Of the records of AIAC 2021, and of a published CLIP's projection. */
const [AIAC_FRAMES, PROJECTION] = [1536, 512];

/**
 * What is checked of a configuration; sizes that data would decide are taken from it or are those of the competition.
 *
 * @param known those that the data have decided
 */
export function checkRequest(
  job: CheckJob,
  config: Config,
  examples?: number,
  known: Partial<CheckRequest['sizes']> = {},
): CheckRequest {
  const sizes = {
    vocabSize: config.vocab.size,
    frameSize: frameSizeOf(config),
    tagCount: config.tasks.tag?.count ?? 0,
    classes: CLASSES,
    ...known,
  };
  return { job, settings: config, sizes, seed: config.seed, examples };
}

/** What the data decide, where they are there: the categories of the labelled splits, the vocabulary of the run. */
async function sizesOf(
  job: CheckJob,
  config: Config,
  run: RunFolder,
  output: Output,
): Promise<Partial<CheckRequest['sizes']>> {
  const vocabSize = (await (await run.holderOf('vocab')).record('vocab'))?.summary['vocabSize'];
  const vocab = typeof vocabSize === 'number' ? { vocabSize } : {};
  if (job !== 'finetune' || config.finetune.kind !== 'category') return vocab;
  const { countClasses } = await import('@wbdc/pipeline/check');
  const { data, finetune } = config;
  const own = data.layout === 'wbdc' && data.folder !== null;
  const root = own ? resolve(output.terminal.folder, data.folder!) : (await run.holderOf('data')).folderOf('data');
  const paths = finetune.splits.map(wbdcLayout(root).annotations);
  const there = (await Promise.all(paths.map(exists))).every(Boolean);
  const classes = there ? await countClasses(paths) : 0;
  if (classes > 1) return { ...vocab, classes };
  const got = there ? 'no two categories' : 'no annotations';
  output.say(`sizes    ${CLASSES} categories stand in for those of the data: ${got} at ${paths.join(', ')}`);
  return vocab;
}

/** Dv */
function frameSizeOf({ data, features, clip }: Config): number {
  if (data.layout === 'aiac') return AIAC_FRAMES;
  return features.output === 'projected' ? PROJECTION : clip.vision.width;
}

/** Those the data stage found in the splits to learn from, where it has run; it does not know of pairs. */
async function countVideos(job: CheckJob, config: Config, run: RunFolder): Promise<number | undefined> {
  const { data, train, finetune } = config;
  if (job === 'finetune' && finetune.kind === 'similarity') return undefined;
  const record = await (await run.holderOf('data')).record('data');
  const found = record?.summary['splits'] as Readonly<Record<string, { videos?: number }>> | undefined;
  if (found === undefined) return undefined;
  const splits = { pretrain: train.splits ?? data.trainSplits, clip: data.trainSplits, finetune: finetune.splits }[job];
  return splits.reduce((sum, split) => sum + (found[split]?.videos ?? 0), 0) || undefined;
}

function lineOf({ name, status, about }: CheckItem): string {
  const mark = status === 'told' ? '' : status;
  return `${mark.padEnd(8)} ${name.padEnd(10)}  ${about.replaceAll('\n', `\n${' '.repeat(21)}`)}`;
}
