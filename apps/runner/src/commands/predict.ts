import type { Command } from 'commander';
import { cliCommand, type CliCommand } from '../core/command-line.js';
import type { Host } from '../core/host.js';
import { wholeNumber } from './options.js';
import { addOutOptions, addServeOptions, VIDEOS_HELP, type ServeCommandOptions } from './serve-options.js';
import { serveAction } from './serving.js';

interface Options extends ServeCommandOptions {
  readonly top: number;
  readonly out?: string;
}

/** `wbdc predict`: categories of new videos. */
export function addPredictCommand(program: Command, host: Host): CliCommand {
  const command = program
    .command('predict')
    .summary('categories of your videos, by a finetuned model')
    .description(
      'Says which categories videos have: a line of JSON each, with the most probable category, its level 1, and the ' +
        `first few with their probabilities. ${VIDEOS_HELP}A video that cannot be read is told and left out.`,
    )
    .argument('<videos...>', 'videos, or folders of them')
    .option('--top <number>', 'categories to list', wholeNumber(1), 5);
  addServeOptions(addOutOptions(command)).addHelpText(
    'after',
    '\nExamples:\n  npx wbdc predict cat.mp4 --name demo --title 一只黑猫\n' +
      '  npx wbdc predict clips/ --texts clips.tsv --checkpoint runs/demo/finetune --out predicted.jsonl\n',
  );
  return cliCommand(
    command,
    serveAction<Options>(host, async () => (await import('./serve/commands.js')).predict),
  );
}
