import type { Command } from 'commander';
import { cliCommand, type CliCommand } from '../core/command-line.js';
import type { Host } from '../core/host.js';
import { collect, wholeNumber } from './options.js';
import {
  addClipOption,
  addOutOptions,
  addServeOptions,
  VIDEOS_HELP,
  type ServeCommandOptions,
  type ZeroShotOptions,
} from './serve-options.js';
import { serveAction } from './serving.js';

interface Options extends ServeCommandOptions {
  readonly top: number;
  readonly out?: string;
}

const LEFT_OUT = `${VIDEOS_HELP}A video that cannot be read is told and left out.`;

/** `wbdc zero-shot` */
function addZeroShotCommand(program: Command, host: Host): CliCommand {
  const command = program
    .command('zero-shot')
    .description(
      'Says which of some labels fit videos, by a CLIP that learned from other words: a line of JSON each. Where ' +
        '--texts has categories or titles, recall@1, 5 and 10 are told, beside chance and shared characters. ' +
        LEFT_OUT,
    )
    .argument('<videos...>', 'videos, or folders of them')
    .requiredOption('--labels <list>', 'labels, separated by commas; may be repeated', labelsIn)
    .option('--prompt <sentence>', 'a sentence with {} for the label; may be repeated: their mean counts', collect, [])
    .option('--top <number>', 'labels to list', wholeNumber(1), 5);
  addServeOptions(addOutOptions(addClipOption(command, '; default: that of runs/<name>'))).addHelpText(
    'after',
    '\nExample:\n  npx wbdc zero-shot clips/ --labels 美食,旅行 --prompt 一段关于{}的视频 --name demo\n',
  );
  return cliCommand(
    command,
    serveAction<ServeCommandOptions & ZeroShotOptions>(
      host,
      async () => (await import('./serve/commands.js')).zeroShotVideos,
    ),
  );
}

const labelsIn = (value: string, all: string[] = []) => [...all, ...value.split(/[,，、]/u).map((one) => one.trim())];

/** `wbdc predict`, `embed`, `tag`: a line for each of some new videos. */
export function addCommands(program: Command, host: Host): CliCommand[] {
  const add = (name: 'predict' | 'embed' | 'tag', about: string, top?: string): CliCommand => {
    const command = program.command(name).description(`${about} ${LEFT_OUT}`);
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
      'Says which categories videos have: a line of JSON each, with the most probable category, its level 1, and the ' +
        'first few with their probabilities.',
      'categories to list',
    ),
    add(
      'embed',
      'Gives videos embeddings of length 1 whose inner product says how similar they are: a line of JSON each. ' +
        "Written to a file, they are a collection for 'wbdc similar'.",
    ),
    add(
      'tag',
      'Says which tags videos have: a line of JSON each, with all tags that reach their threshold (chosen), or else ' +
        'the most probable ones.',
      'tags to list at least',
    ),
    addZeroShotCommand(program, host),
  ];
}
