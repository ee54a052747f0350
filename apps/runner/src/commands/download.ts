import { join } from 'node:path';
import type { Command } from 'commander';
import { sizeOnDisk } from '@wbdc/io';
import { cliCommand, type CliCommand } from '../core/command-line.js';
import { counted, formatBytes } from '@wbdc/report/format';
import { Output, type OutputOptions } from '../core/output.js';
import type { Host } from '../core/host.js';
import { interruptible } from '@wbdc/io/interrupt';
import { fetchModel } from '../core/published-model.js';
import { addOutputOptions } from './options.js';

interface DownloadCommandOptions extends OutputOptions {
  readonly revision?: string;
}

/** `wbdc download`: published weights for model.init and its like. */
export function addCommands(program: Command, host: Host): CliCommand {
  const command = program
    .command('download')
    .description(
      'Fetches configuration, vocabulary and weights of a model into the standard cache, going on where an ' +
        'earlier try was cut, and checks every file against the hub’s hashes. What is in the cache is not fetched ' +
        'again. Reads HF_ENDPOINT (a mirror), HF_HUB_CACHE or HF_HOME, HF_TOKEN and HF_HUB_OFFLINE.',
    )
    .argument('<model>', 'such as hfl/chinese-macbert-base')
    .option('--revision <name>', 'branch, tag or commit (default: main)');
  addOutputOptions(command).addHelpText(
    'after',
    '\nExamples:\n  npx wbdc download hfl/chinese-roberta-wwm-ext-large\n' +
      '  HF_ENDPOINT=https://my-mirror npx wbdc download openai/clip-vit-base-patch32\n',
  );
  return cliCommand(command, (model: string, options: DownloadCommandOptions) =>
    interruptible(
      host,
      (signal) => download(model, options, new Output(host, options), signal),
      'stopped; what was fetched is kept: the same command goes on',
    ),
  );
}

async function download(
  model: string,
  { revision }: DownloadCommandOptions,
  output: Output,
  signal: AbortSignal,
): Promise<number> {
  const { hubSettings } = await import('@wbdc/checkpoints/node');
  const { folder, commit, files, source } = await fetchModel(model, { output, revision, signal });
  const sizes = await Promise.all(files.map((file) => sizeOnDisk(join(folder, file))));
  const size = sizes.reduce((sum, bytes) => sum + bytes, 0);
  const from = source === 'hub' ? hubSettings(output.terminal.env).hubUrl : 'the cache alone';
  output.say(`read     ${from}: ${model}, commit ${commit}`);
  output.say(`made     ${folder} (${formatBytes(size)}): ${counted(files.length, 'file')}: ${files.join(', ')}`);
  output.say(`next     give ${model} to vocab.folder and model.init, or to clip.vision.init and features.tower`);
  output.result({ model, folder, commit, files, bytes: size, source });
  return 0;
}
