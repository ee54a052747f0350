import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { exists, sizeOnDisk } from '@wbdc/io';
import { cliCommand, type CliCommand } from '../core/command-line.js';
import { UserError } from '../core/errors.js';
import { formatBytes } from '@wbdc/report/format';
import { Output, type Terminal } from '../core/output.js';
import { addEngineOptions, addOutputOptions, addRunOptions, type StageOptions } from './options.js';
import { configOf, loadEngine, runFolderOf } from './run-stage.js';

interface ExportOptions extends StageOptions {
  readonly model?: boolean;
  readonly checkpoint?: string;
  readonly out?: string;
}

/** `wbdc export`: a trained model for other programs. */
export function addExportCommand(program: Command, terminal: Terminal): CliCommand {
  const command = program
    .command('export')
    .summary('write a trained model for onnxruntime and for transformers')
    .description(
      'Writes the last checkpoint of pretraining for other programs: model.onnx (encoder and head, for ' +
        'onnxruntime in ' +
        'Node and in browsers, batch and lengths free), text-encoder/ (a BERT that transformers loads), ' +
        'vocabulary and tags.',
    )
    .option('--checkpoint <folder>', 'another checkpoint, or a folder of checkpoints, of pretrain or finetune')
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
  if ((await exists(out)) && !options.overwrite) {
    throw new UserError(`${out} is there already: choose another --out, or replace its files with --overwrite`);
  }
  const checkpoints =
    options.checkpoint === undefined
      ? join((await run.needed({ stage: 'pretrain', needs: ['pretrain'] })).get('pretrain')!.folder, 'checkpoints')
      : options.checkpoint;
  const { exportTrained, findModel, saveTrained } = await import('@wbdc/pipeline/node');
  const checkpoint = await findModel(checkpoints, { from: folder });
  await loadEngine(config, output);
  const made = await exportTrained(checkpoint, out);
  if (options.model) made.push(await saveTrained(checkpoint, join(out, 'model'), { from: folder }));
  output.say(`read     ${checkpoint}`);
  for (const { path, about } of made) output.say(`made     ${path} (${formatBytes(await sizeOnDisk(path))}): ${about}`);
  output.result({ checkpoint, made: made.map(({ path, about }) => ({ path, about })) });
  return 0;
}
