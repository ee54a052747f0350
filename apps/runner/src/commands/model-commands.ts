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

const LEFT_OUT = `${VIDEOS_HELP}A video that cannot be read is told and left out.`;

/** `wbdc predict`, `embed`, `tag`: a line for each of some new videos. */
export function addModelCommands(program: Command, host: Host): CliCommand[] {
  const add = (name: 'predict' | 'embed' | 'tag', summary: string, about: string, top?: string): CliCommand => {
    const command = program.command(name).summary(summary).description(`${about} ${LEFT_OUT}`);
    command.argument('<videos...>', 'videos, or folders of them');
    if (top !== undefined) command.option('--top <number>', top, wholeNumber(1), 5);
    addServeOptions(addOutOptions(command)).addHelpText(
      'after',
      `\nExamples:\n  npx wbdc ${name} cat.mp4 --title 一只黑猫 --name demo\n` +
        `  npx wbdc ${name} clips/ --texts clips.tsv --checkpoint runs/demo/finetune --out clips.jsonl\n`,
    );
    return cliCommand(
      command,
      serveAction<Options>(host, async () => (await import('./serve/commands.js'))[name]),
    );
  };
  return [
    add(
      'predict',
      'categories of your videos, by a finetuned model',
      'Says which categories videos have: a line of JSON each, with the most probable category, its level 1, and the ' +
        'first few with their probabilities.',
      'categories to list',
    ),
    add(
      'embed',
      'embeddings of your videos, by a finetuned model',
      'Gives videos embeddings of length 1 whose inner product says how similar they are: a line of JSON each. ' +
        "Written to a file, they are a collection for 'wbdc similar'.",
    ),
    add(
      'tag',
      'tags of your videos, by a model that was finetuned for them or pretrained on them',
      'Says which tags videos have: a line of JSON each, with all tags that reach their threshold (chosen), or else ' +
        'the most probable ones.',
      'tags to list at least',
    ),
  ];
}
