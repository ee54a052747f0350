import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { exists, sizeOnDisk, withLock } from '@wbdc/io';
import type { Config } from '../config/schema.js';
import type { RunFolder } from '../run/run-folder.js';
import { cliCommand, type CliCommand } from '../core/command-line.js';
import { UserError } from '../core/errors.js';
import { observed } from '../core/observer.js';
import { modelFolder } from '../core/published-model.js';
import { findServed } from '../core/served-model.js';
import { formatBytes } from '@wbdc/report/format';
import { Output, type Terminal } from '../core/output.js';
import { addEngineOptions, addOutputOptions, addRunOptions, type StageOptions } from './options.js';
import { configOf, loadEngine, runFolderOf } from './run-stage.js';

interface ExportOptions extends StageOptions {
  readonly model?: boolean;
  readonly checkpoint?: string;
  readonly tower?: string;
  readonly out?: string;
}

/** `wbdc export`: a trained model for other programs. */
export function addCommands(program: Command, terminal: Terminal): CliCommand {
  const command = program
    .command('export')
    .description(
      'Writes the finished model of a run, else its newest checkpoint, for other programs: model.onnx (encoder and ' +
        'head, for onnxruntime in Node and in browsers, batch and lengths free), tower.onnx and tower/ (the vision ' +
        'tower that makes its frame features), text-encoder/ (a BERT that transformers loads), vocabulary and names.',
    )
    .option('--checkpoint <folder>', 'a run, its stage, a checkpoint or hub:owner/name; default: runs/<name>')
    .option('--tower <folder>', 'the vision tower, where the run of the model is not there')
    .option('-o, --out <folder>', 'where to write; default: runs/<name>/export');
  addOutputOptions(addEngineOptions(addRunOptions(command)))
    .option(
      '--model',
      'write model/ too: all that predict, embed and openTrained need anywhere, the vision tower included',
    )
    .option('--overwrite', 'replace the files of an earlier export')
    .addHelpText(
      'after',
      '\nExamples:\n  npx wbdc export --name demo\n  npx wbdc export --checkpoint runs/demo/pretrain/checkpoints ' +
        '--out served\n',
    );
  return cliCommand(command, (options: ExportOptions) => runExport(options, new Output(terminal, options)));
}

async function runExport(options: ExportOptions, output: Output): Promise<number> {
  const config = await configOf(options, output);
  const { folder } = output.terminal;
  const run = runFolderOf(config, folder);
  const out = options.out === undefined ? run.folderOf('export') : resolve(folder, options.out);
  return withLock(out, () => writeExport({ config, out, checkpoint: options.checkpoint, run }, options, output));
}

interface ExportRequest {
  readonly config: Config;
  readonly run: RunFolder;
  readonly out: string;
  readonly checkpoint: string | undefined;
}

async function writeExport(
  { config, run, out, checkpoint: named }: ExportRequest,
  options: ExportOptions,
  output: Output,
): Promise<number> {
  const from = output.terminal.folder;
  if ((await exists(out)) && !options.overwrite) {
    throw new UserError(`${out} is there already: choose another --out, or replace its files with --overwrite`);
  }
  const { exportTrained, saveTrained } = await import('@wbdc/pipeline/node');
  const checkpoint = await findServed(named, run, output);
  await loadEngine(config, output);
  const tower = options.tower === undefined ? {} : { tower: await modelFolder('--tower', options.tower, { output }) };
  const made = await observed(output, async (observer) => {
    const written = await exportTrained(checkpoint, out, { from, observer, ...tower });
    if (!options.model) return written;
    return [...written, await saveTrained(checkpoint, join(out, 'model'), { from, observer, ...tower })];
  });
  output.say(`read     ${checkpoint}`);
  for (const { path, about } of made) output.say(`made     ${path} (${formatBytes(await sizeOnDisk(path))}): ${about}`);
  output.result({ checkpoint, made: made.map(({ path, about }) => ({ path, about })) });
  return 0;
}
