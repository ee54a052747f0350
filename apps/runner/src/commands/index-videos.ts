import type { Command } from 'commander';
import { cliCommand, type CliCommand } from '../core/command-line.js';
import type { Host } from '../core/host.js';
import { interruptible } from '@wbdc/io/interrupt';
import { Output, type OutputOptions } from '../core/output.js';
import { addOutputOptions, collect, wholeNumber } from './options.js';
import {
  addClipOption,
  addServeOptions,
  VIDEOS_HELP,
  type IndexAddOptions,
  type IndexOptions,
  type IndexSearchOptions,
} from './serve-options.js';
import { serveAction } from './serving.js';

const load = () => import('./serve/index-commands.js');

/** `wbdc index`: a lasting index of videos; `wbdc search` is its search. */
export function addCommands(program: Command, host: Host): CliCommand[] {
  const index = program
    .command('index')
    .description('Keeps videos with their texts, labels and embeddings where they can be searched.');
  const add = withIndex(index.command('add'))
    .description(`Adds videos with their embeddings, or renews those that are there. ${VIDEOS_HELP}`)
    .argument('<videos...>', 'videos, or folders of them')
    .option('--as <name>', "what the model's vectors are called in the index", 'video');
  addServeOptions(addClipOption(add, ', in place of --checkpoint')).addHelpText(
    'after',
    '\nExample:\n  npx wbdc index add clips/ --texts clips.csv --name similarity --in my-index\n',
  );
  return [
    cliCommand(
      add,
      serveAction<IndexAddOptions>(host, async () => (await load()).addVideos),
    ),
    plain(
      host,
      withIndex(index.command('remove')).description('Takes videos away.').argument('<ids...>'),
      'removeVideos',
    ),
    searchCommand(host, index.command('search')),
    searchCommand(host, program.command('search')),
    plain(host, withIndex(index.command('stats')).description('Says what is in it.'), 'showStatistics'),
    plain(
      host,
      withIndex(index.command('compact')).description('Joins small files, renews its graphs, drops older states.'),
      'compactIndex',
    ),
  ];
}

function withIndex(command: Command): Command {
  return command.requiredOption('-i, --in <index>', 'the index: a folder, or s3://, gs://, az://');
}

/** A command that needs no model. */
function plain(host: Host, command: Command, name: 'removeVideos' | 'showStatistics' | 'compactIndex'): CliCommand {
  return cliCommand(addOutputOptions(command), async (...args: readonly unknown[]) => {
    const [ids, options] = command.registeredArguments.length > 0 ? args : [[], ...args];
    const output = new Output(host, options as OutputOptions);
    await (await load())[name](output, options as IndexOptions, ids as string[]);
    return 0;
  });
}

function searchCommand(host: Host, command: Command): CliCommand {
  withIndex(command)
    .description(
      'Finds videos by words in their texts, by a video that they are to be like (with --checkpoint or the run of a ' +
        'similarity model), or by both. With a model, words are embedded too.',
    )
    .argument('[words]', 'what is looked for')
    .option('--video <path>', 'a video that they are to be like')
    .option('--like <id>', 'a video of the index that they are to be like')
    .option('--as <name>', "what the model's vectors are called in the index", 'video')
    .option('--category <name>', 'only of this category; may be repeated: any of them', collect, [])
    .option('--tag <name>', 'only with this tag; may be repeated: all of them', collect, [])
    .option('--after <date>', 'only from this time on, such as 2024-05-01')
    .option('--before <date>', 'only before this time')
    .option('--top <number>', 'how many to print', wholeNumber(1), 10);
  addServeOptions(addClipOption(command, ', in place of --checkpoint')).addHelpText(
    'after',
    '\nExample:\n  npx wbdc search 雨中的猫 --in my-index --tag 宠物\n',
  );
  return cliCommand(command, (words: string | undefined, options: IndexSearchOptions) =>
    interruptible(
      host,
      async (signal) => {
        await (await load()).searchIndex(words, options, new Output(host, options), signal);
        return 0;
      },
      'stopped',
    ),
  );
}
