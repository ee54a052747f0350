import type { Command } from 'commander';
import type { Host } from '../program.js';
import { addServeOptions, VIDEOS_HELP, type ServeCommandOptions } from './serve-options.js';
import { interruptible } from './serving.js';

interface Options extends ServeCommandOptions {
  readonly out?: string;
}

/** `wbdc embed`: embeddings of new videos. */
export function addEmbedCommand(program: Command, host: Host, outcome: { code: number }): void {
  const command = program
    .command('embed')
    .summary('embeddings of your videos, by a finetuned model')
    .description(
      'Gives videos embeddings of length 1 whose inner product says how similar they are: a line of JSON each. Written to ' +
        `a file, they are a collection for 'wbdc similar'. ${VIDEOS_HELP}A video that cannot be read is told and left out.`,
    )
    .argument('<videos...>', 'videos, or folders of them')
    .option('-o, --out <file>', 'write the lines to a file')
    .option('--resume', 'add to that file what it does not hold yet')
    .option('--overwrite', 'replace that file');
  addServeOptions(command)
    .addHelpText(
      'after',
      '\nExamples:\n  npx wbdc embed cat.mp4 --name similarity --title 一只黑猫\n' +
        '  npx wbdc embed clips/ --texts clips.tsv --name similarity --out clips.jsonl\n',
    )
    .action(async (videos: string[], options: Options) => {
      outcome.code = await interruptible(host, options, async (output, signal) => {
        const { embed } = await import('../serve/commands.js');
        await embed(videos, options, output, signal);
      });
    });
}
