import { resolve } from 'node:path';
import { Option, type Command } from 'commander';
import { exists, sizeOnDisk, withLock } from '@wbdc/io';
import { dataPlaces } from '@wbdc/pipeline/places';
import type { Config } from '../config/schema.js';
import { cliCommand, type CliCommand } from '../core/command-line.js';
import { UserError } from '../core/errors.js';
import { observed } from '../core/observer.js';
import { modelFolder } from '../core/published-model.js';
import { findServed } from '../core/served-model.js';
import { formatBytes } from '@wbdc/report/format';
import { Output, type Terminal } from '../core/output.js';
import { addEngineOptions, addOutputOptions, addRunOptions, wholeNumber, type StageOptions } from './options.js';
import { configOf, loadEngine, runFolderOf } from './run-stage.js';

const CALIBRATION_METHODS = ['minmax', 'percentile', 'entropy'];

interface ExportOptions extends StageOptions {
  readonly model?: boolean;
  readonly checkpoint?: string;
  readonly tower?: string;
  readonly out?: string;
  readonly calibrate?: string;
  readonly method?: 'minmax' | 'percentile' | 'entropy';
  readonly samples?: number;
  readonly data?: string;
  readonly reduceRange?: boolean;
}

/** `wbdc export`: a trained model for other programs. */
export function addCommands(program: Command, terminal: Terminal): CliCommand {
  const command = program
    .command('export')
    .description(
      'Writes the finished model of a run, else its newest checkpoint, for other programs: model.onnx (encoder and ' +
        'head, for onnxruntime in Node and in browsers, batch and lengths free), tower.onnx and tower/ (the vision ' +
        'tower that makes its frame features), text-encoder/ (a BERT that transformers loads), vocabulary and names. ' +
        'With --dtype int8 or fp16 the two ONNX files keep weights of 8 or 16 bits.',
    )
    .option('--checkpoint <folder>', 'a run, its stage, a checkpoint or hub:owner/name; default: runs/<name>')
    .option('--tower <folder>', 'the vision tower, where the run of the model is not there')
    .option('--calibrate <split>', "with --dtype int8: finds where values go on videos of the run's data")
    .option('--data <folder>', 'your own data set, where the split to calibrate on is one of it')
    .option('--samples <number>', 'how many videos calibrate, drawn by --seed; default: 128', wholeNumber(1))
    .addOption(
      new Option('--method <name>', 'how: all values, without the rarest, or what tells most').choices(
        CALIBRATION_METHODS,
      ),
    )
    .option('--reduce-range', 'with --dtype int8: weights of 7 bits, for x86 processors without VNNI')
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
        '--out served\n  npx wbdc export --name demo --dtype int8 --calibrate labeled --model\n',
    );
  return cliCommand(command, (options: ExportOptions) => runExport(options, new Output(terminal, options)));
}

async function runExport(options: ExportOptions, output: Output): Promise<number> {
  const config = await configOf(options, output);
  const { folder } = output.terminal;
  const { out: named } = options;
  const out = named === undefined ? runFolderOf(config, folder).folderOf('export') : resolve(folder, named);
  return withLock(out, () => writeExport(config, out, options, output));
}

async function writeExport(config: Config, out: string, options: ExportOptions, output: Output): Promise<number> {
  const from = output.terminal.folder;
  if ((await exists(out)) && !options.overwrite) {
    throw new UserError(`${out} is there already: choose another --out, or replace its files with --overwrite`);
  }
  const { calibrationInputs, exportTrained } = await import('@wbdc/pipeline/node');
  const checkpoint = await findServed(options.checkpoint, runFolderOf(config, from), output);
  await loadEngine(config, output);
  const tower = options.tower === undefined ? {} : { tower: await modelFolder('--tower', options.tower, { output }) };
  const { calibrate: split, samples, method, reduceRange, model } = options;
  const drawn = { samples, seed: config.seed, data: options.data && resolve(from, options.data) };
  const inputs = split && calibrationInputs({ model: checkpoint, split, ...drawn });
  const calibration = inputs && { runtime: await import('onnxruntime-node'), inputs, method, ...drawn };
  const made = await observed(output, (observer) => {
    const asked = { dtype: config.dtype ?? undefined, reduceRange, model, ...(calibration && { calibration }) };
    const { remote } = dataPlaces(config.data, from);
    return exportTrained(checkpoint, out, { from, remote, observer, ...tower, ...asked });
  });
  output.say(`read     ${checkpoint}`);
  for (const { path, about } of made) output.say(`made     ${path} (${formatBytes(await sizeOnDisk(path))}): ${about}`);
  output.result({ checkpoint, made: made.map(({ path, about }) => ({ path, about })) });
  return 0;
}
