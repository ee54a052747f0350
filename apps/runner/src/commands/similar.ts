import type { Command } from 'commander';
import { cliCommand, type CliCommand } from '../core/command-line.js';
import type { Host } from '../core/host.js';
import { wholeNumber } from './options.js';
import { addServeOptions, VIDEOS_HELP, type ServeCommandOptions } from './serve-options.js';
import { serveAction } from './serving.js';

interface Options extends ServeCommandOptions {
  readonly among: string;
  readonly top: number;
}

/** `wbdc similar`: the nearest of a collection. */
export function addCommands(program: Command, host: Host): CliCommand {
  const command = program
    .command('similar')
    .description(
      "Prints the nearest of a collection (what 'wbdc embed --out' wrote with the same model) to each video, " +
        `with their cosines. ${VIDEOS_HELP}`,
    )
    .argument('<videos...>', 'videos, or folders of them')
    .requiredOption('--among <file>', "the collection: lines of 'wbdc embed'")
    .option('--top <number>', 'neighbours to print', wholeNumber(1), 10);
  addServeOptions(command).addHelpText(
    'after',
    '\nExamples:\n  npx wbdc embed clips/ --texts clips.tsv --name similarity --out clips.jsonl\n' +
      '  npx wbdc similar cat.mp4 --title 一只黑猫 --name similarity --among clips.jsonl\n',
  );
  return cliCommand(
    command,
    serveAction<Options>(host, async () => (await import('./serve/commands.js')).similar),
  );
}
