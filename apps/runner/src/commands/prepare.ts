import { join, relative, resolve } from 'node:path';
import { InvalidArgumentError, type Command } from 'commander';
import { sizeOnDisk, withLock } from '@wbdc/io';
import type { PreparedVideos } from '@wbdc/pipeline/prepare';
import type { RecognizerChoice } from '@wbdc/pipeline/recognize';
import { cliCommand, type CliCommand } from '../core/command-line.js';
import { WbdcError } from '@wbdc/io/errors';
import { UserError } from '../core/errors.js';
import { formatBytes, formatCount, formatSeconds } from '@wbdc/report/format';
import { EXIT_INTERRUPTED, interruptible } from '@wbdc/io/interrupt';
import { observed } from '../core/observer.js';
import { Output, type OutputOptions } from '../core/output.js';
import type { Host } from '../core/host.js';
import { shellQuoted } from '../core/shell.js';
import {
  addOutputOptions,
  addRecognizerOptions,
  addTableOptions,
  separatorOf,
  wholeNumber,
  type TableOptions,
} from './options.js';

interface Options extends OutputOptions, TableOptions, Omit<RecognizerChoice, 'from'> {
  readonly texts?: string;
  readonly pairs?: string;
  readonly out: string;
  readonly titleFromName?: boolean;
  readonly categoryFromFolder?: boolean;
  readonly fps: number;
  readonly even?: boolean;
  readonly frames: number;
  readonly side: number;
  readonly heldOut: number;
  readonly seed: number;
  readonly overwrite?: boolean;
}

const EXAMPLES = `
Columns are found by their names, in English or Chinese; --column says it where they are not:
  video         file or folder, with or without its ending (or id: the table's own id, as the file is named)
  title, ocr, asr   texts
  category, subcategory   level 1 and 2; 'food/soup' in one column is both
  tags          separated by | ; , # or blanks
  split         train or test, where you have decided it;  group  videos that must stay on one side

Examples:
  npx wbdc prepare my-videos --texts my-videos.csv --out my-data
  npx wbdc prepare my-videos --texts t.tsv --out my-data --column title=name --column category=kind
  npx wbdc prepare my-videos --out my-data --title-from-name --category-from-folder

Then:
  npx wbdc run finetune --config my-data/wbdc.yaml

The same command again decodes what is new or has changed, and goes on after an interruption.
`;

/** `wbdc prepare`: a folder of videos and a table become a data set. */
export function addCommands(program: Command, host: Host): CliCommand {
  const command = program
    .command('prepare')
    .description(
      'Makes a data set in the official WBDC layout out of a folder of videos (mp4, webm, mkv, mov...; folders or ' +
        'zips of pictures; animated GIF or WebP) and a table of texts and labels (CSV, TSV, JSON lines): frames, ' +
        'annotations, ids, numbered categories, tags, splits without leaks, a page to look at, and a configuration ' +
        'to learn with.',
    )
    .argument('<videos>', 'folder with the videos, searched with all its subfolders')
    .requiredOption('-o, --out <folder>', 'where the data set is to stand')
    .option('-t, --texts <file>', 'table of texts and labels; without it videos have none');
  addRecognizerOptions(addTableOptions(command))
    .option('--title-from-name', 'videos without a title are called as their file')
    .option('--category-from-folder', 'videos without a category have that of their folder: a/b/video.mp4 is a/b')
    .option('--pairs <file>', 'table of pairs of videos: labels or clicks; finetune then learns from them')
    .option('--ocr', 'recognises text in the pictures of videos without (@gutenye/ocr-node)')
    .option('--asr', 'recognises speech in videos without its text')
    .option('--fps <rate>', 'frames a second', positive, 1)
    .option('--even', 'frames evenly over the whole video instead')
    .option('--frames <number>', 'most frames of a video', wholeNumber(1), 32)
    .option('--side <pixels>', 'larger frames are shrunk to this shorter side', wholeNumber(16), 256)
    .option('--held-out <share>', 'share of the labelled videos to measure on', share, 0.15)
    .option('--seed <number>', 'decides the splits', wholeNumber(0), 1)
    .option('--overwrite', 'make it again; what is there is renamed to <out>.old-<n>');
  addOutputOptions(command).addHelpText('after', EXAMPLES);
  return cliCommand(command, (videos: string, options: Options) =>
    interruptible(host, (signal) => run(videos, options, new Output(host, options), signal)),
  );
}

function positive(value: string): number {
  const number = Number(value);
  if (value.trim() !== '' && number > 0 && Number.isFinite(number)) return number;
  throw new InvalidArgumentError(`expected a number above 0, got '${value}'.`);
}

function share(value: string): number {
  const number = Number(value);
  if (value.trim() !== '' && number >= 0 && number < 1) return number;
  throw new InvalidArgumentError(`expected a share from 0 to below 1, got '${value}'.`);
}

async function run(videos: string, options: Options, output: Output, signal: AbortSignal): Promise<number> {
  const { folder, now } = output.terminal;
  const [{ prepareVideos }, { parseColumnChoice }] = await Promise.all([
    import('@wbdc/pipeline/prepare'),
    import('@wbdc/data'),
  ]);
  const out = resolve(folder, options.out);
  const start = now();
  const settings = {
    folder: short(resolve(folder, videos), process.cwd()),
    table: options.texts === undefined ? undefined : short(resolve(folder, options.texts), process.cwd()),
    out,
    columns: parseColumnChoice(options.column),
    separator: separatorOf(options.separator),
    encoding: options.encoding,
    titleFromName: options.titleFromName === true,
    categoryFromFolder: options.categoryFromFolder === true,
    frames: { fps: options.even ? null : options.fps, limit: options.frames, side: options.side },
    heldOut: options.heldOut,
    seed: options.seed,
    overwrite: options.overwrite === true,
    recognize: { ...options, from: folder },
    pairs: options.pairs === undefined ? undefined : { path: resolve(folder, options.pairs) },
    signal,
  };
  try {
    const [prepared, config] = await withLock(out, async () => {
      const made = await observed(output, (observer) => prepareVideos({ ...settings, observer }));
      return [made, await writeConfig(made, short(out, folder), output)] as const;
    });
    await report(prepared, { config, seconds: (now() - start) / 1000, output });
    return 0;
  } catch (error) {
    if (!signal.aborted || error !== signal.reason) throw error;
    output.say('stopped  what is decoded is kept: the same command goes on');
    output.result({ status: 'interrupted', folder: out });
    return EXIT_INTERRUPTED;
  }
}

/** As a person would type it. */
function short(path: string, from: string): string {
  const below = relative(from, path);
  return below === '' || below.startsWith('..') ? path : below;
}

/** Writes a configuration beside the data set, and tells what of an earlier one does not go with it; gives its path. */
async function writeConfig(prepared: PreparedVideos, shownFolder: string, output: Output): Promise<string> {
  const { writeStarterConfig } = await import('@wbdc/pipeline/prepare');
  const load = async (path: string) => {
    const { loadConfig } = await import('../config/load.js'); // where there is a configuration to look at
    return loadConfig({ path, folder: output.terminal.folder }).catch(explained);
  };
  const { path, unfit } = await writeStarterConfig(prepared, shownFolder, load);
  if (unfit.length > 0) {
    output.warn(`${join(shownFolder, 'wbdc.yaml')} does not go with these data:\n  ${unfit.join('\n  ')}`);
    output.warn(`change these lines, or go on with ${join(shownFolder, 'wbdc.new.yaml')}`);
  }
  return path;
}

function explained(error: unknown): string {
  if (error instanceof UserError || error instanceof WbdcError) return error.message.replaceAll('\n', '\n  ');
  throw error;
}

interface Reporting {
  readonly config: string;
  readonly seconds: number;
  readonly output: Output;
}

async function report(prepared: PreparedVideos, { config, seconds, output }: Reporting): Promise<void> {
  const { root, summary, warnings, reused } = prepared;
  const shown = (path: string): string => short(path, output.terminal.folder);
  for (const warning of warnings) output.warn(warning);
  if (warnings.length > 0) output.warn(`all of them: ${shown(`${root}/warnings.tsv`)}`);
  const splits = Object.entries(summary.splits).map(([split, { videos }]) => `${split} ${formatCount(videos)}`);
  const videos = `${formatCount(summary.videos)} videos (${splits.join(', ')})`;
  const size = formatBytes(await sizeOnDisk(root));
  output.say(`made     ${shown(root)} (${size}): ${videos}, ${formatCount(summary.frames)} frames`);
  if (reused > 0) output.say(`         ${formatCount(reused)} of them were decoded before`);
  output.say(`         categories: ${formatCount(summary.categories)}, tags: ${formatCount(summary.tags)}`);
  output.say(`look at  ${shown(`${root}/index.html`)}`);
  output.say(`done     after ${formatSeconds(seconds)}`);
  const stage = summary.splits.labeled.videos > 0 || prepared.pairs ? 'finetune' : 'pretrain';
  const next = `npx wbdc run ${stage} --config ${shellQuoted(shown(config))}`;
  output.say(`next     ${next}`);
  output.result({ status: 'complete', folder: root, seconds, summary, next });
}
