import type { Command } from 'commander';
import { cliCommand, type CliCommand } from '../core/command-line.js';
import type { Host } from '../core/host.js';
import { addOutOptions, addServeOptions, VIDEOS_HELP, type ServeCommandOptions } from './serve-options.js';
import { serveAction } from './serving.js';

interface Options extends ServeCommandOptions {
  readonly out?: string;
}

/** `wbdc embed`: embeddings of new videos. */
export function addEmbedCommand(program: Command, host: Host): CliCommand {
  const command = program
    .command('embed')
    .summary('embeddings of your videos, by a finetuned model')
    .description(
      'Gives videos embeddings of length 1 whose inner product says how similar they are: a line of JSON each. ' +
        'Written to ' +
        `a file, they are a collection for 'wbdc similar'. ${VIDEOS_HELP}A video that cannot be read is told and ` +
        `left out.`,
    )
    .argument('<videos...>', 'videos, or folders of them');
  addServeOptions(addOutOptions(command)).addHelpText(
    'after',
    '\nExamples:\n  npx wbdc embed cat.mp4 --name similarity --title 一只黑猫\n' +
      '  npx wbdc embed clips/ --texts clips.tsv --name similarity --out clips.jsonl\n',
  );
  return cliCommand(
    command,
    serveAction<Options>(host, async () => (await import('./serve/commands.js')).embed),
  );
}
