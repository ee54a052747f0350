import type { Command } from 'commander';
import { cliCommand, type CliCommand } from '../core/command-line.js';
import type { Host } from '../core/host.js';
import { interruptible } from '@wbdc/io/interrupt';
import { Output } from '../core/output.js';
import { addEngineOptions, addOutputOptions, addRunOptions, collect, wholeNumber } from './options.js';
import type { ServerOptions } from './serve-options.js';

/** `wbdc serve`: models and an index over HTTP, with a page. */
export function addCommands(program: Command, host: Host): CliCommand {
  const command = program
    .command('serve')
    .description(
      'Answers requests (their description is at /openapi.json) and shows a page at /. It listens on this machine ' +
        'only unless --host says otherwise. With WBDC_TOKENS (separated by commas) in the environment, who asks ' +
        'needs one of them as a bearer token. Its log goes to stdout, a line of JSON each. Ctrl-C and SIGTERM let ' +
        'requests under way end.',
    )
    .option('-m, --model <name=folder>', 'a model, by the name that requests call it; may be repeated', collect, [])
    .option('--clip <name=folder>', 'a CLIP, to find and label videos by words; may be repeated', collect, [])
    .option('--tower <folder>', 'the vision tower of the models, where their runs are not there')
    .option('-i, --index <index>', 'an index to search in and add to')
    .option('--as <name>', "what the similarity model's vectors are called in the index", 'video')
    .option('--media <folder>', 'whose files requests may name and the page plays; may be repeated', collect, [])
    .option('--corrections <file>', 'to which corrected labels are added, a table for wbdc prepare')
    .option('--host <address>', 'to listen on', '127.0.0.1')
    .option('--port <number>', 'to listen on; 0: a free one', wholeNumber(0), 8080)
    .option('--batch <number>', 'videos that pass through a model together', wholeNumber(1), 16)
    .option('--wait <ms>', 'how long a batch waits for more videos', wholeNumber(0), 5)
    .option('--queue <number>', 'videos that may wait; more are refused', wholeNumber(1), 256)
    .option('--timeout <ms>', 'longest time of a request', wholeNumber(1), 60_000)
    .option('--decoders <number>', 'threads that decode videos', wholeNumber(1), 1);
  addOutputOptions(addEngineOptions(addRunOptions(command))).addHelpText(
    'after',
    '\nExample:\n  npx wbdc serve --model vectors=runs/similarity --index my-index --media clips\n',
  );
  return cliCommand(command, (options: ServerOptions) =>
    interruptible(host, async (signal) => {
      const { serveModels } = await import('./serve/server.js');
      await serveModels(options, new Output(host, options), signal);
      return 0;
    }),
  );
}
