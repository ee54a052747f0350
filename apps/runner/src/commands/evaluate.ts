import { basename, extname, resolve } from 'node:path';
import { Option, type Command } from 'commander';
import type { TrainedModel } from '@wbdc/pipeline';
import { describeEvaluation, evaluateModels, evaluationFolder, writeEvaluation } from '@wbdc/pipeline/evaluate';
import { dataPlaces } from '@wbdc/pipeline/places';
import { cliCommand, type CliCommand } from '../core/command-line.js';
import type { Host } from '../core/host.js';
import { interruptible } from '@wbdc/io/interrupt';
import { Output } from '../core/output.js';
import { onnxOf } from '../config/onnx.js';
import { findServed } from '../core/served-model.js';
import { addEngineOptions, addOutputOptions, addRunOptions, wholeNumber, type StageOptions } from './options.js';

interface Options extends StageOptions {
  readonly truth: string;
  readonly data?: string;
  readonly texts?: string;
  readonly out?: string;
  readonly samples: number;
  readonly by: 'videos' | 'pairs';
}

/** `wbdc evaluate`: how good models are, and whether one is better than another. */
export function addCommands(program: Command, host: Host): CliCommand {
  const command = program
    .command('evaluate')
    .description(
      'Measures predictions on a truth: every measure with the interval of its bootstrap, confusion, calibration and ' +
        'every category, tags, or cosines beside what people said; beside what letters and frames alone reach. ' +
        'Several models are compared with the first one by the paired bootstrap. A model is a run or a file ' +
        '(result.csv, result.zip, probabilities.jsonl, lines of predict, embed, tag); one that has not predicted the ' +
        'split yet predicts it now.',
    )
    .argument('<models...>', 'runs such as runs/a, files of predictions, or checkpoints')
    .requiredOption('--truth <file or split>', 'lines id,category_id or {id, tags}, annotations, label.tsv; or a split')
    .option('--data <folder>', 'your own data set, where no run says where it is')
    .option('--texts <file>', 'annotations with the texts of the videos, for baselines; default: those of the split')
    .addOption(new Option('--by <unit>', 'what is drawn of pairs').choices(['videos', 'pairs']).default('videos'))
    .option('--samples <number>', 'resamples of the bootstrap', wholeNumber(100), 2000)
    .option('--out <folder>', 'where <truth>.json and .html go; default: evaluation/ in the run or beside the file');
  addOutputOptions(addEngineOptions(addRunOptions(command))).addHelpText(
    'after',
    '\nExamples:\n  npx wbdc evaluate runs/demo --truth test_a\n' +
      '  npx wbdc evaluate runs/single runs/double --truth test_a --data my-data\n' +
      '  npx wbdc evaluate result.zip --truth pairs.tsv --texts videos.json\n',
  );
  return cliCommand(command, (models: string[], options: Options) =>
    interruptible(host, (signal) => runEvaluate(models, options, new Output(host, options), signal)),
  );
}

async function runEvaluate(models: string[], options: Options, output: Output, signal: AbortSignal): Promise<number> {
  const at = (path: string): string => resolve(output.terminal.folder, path);
  const evaluation = await evaluateModels({
    models: models.map(at),
    truth: /[/\\.]/.test(options.truth) ? at(options.truth) : options.truth,
    ...{ data: options.data && at(options.data), texts: options.texts && at(options.texts), from: at('.') },
    ...{ unit: options.by, samples: options.samples, seed: options.seed },
    signal,
    openModel: (path) => openModel(path, options, output, signal),
    onMessage: (line) => output.say(line),
    onWarning: output.onWarning,
  });
  const truth = basename(options.truth, extname(options.truth));
  const out = options.out === undefined ? await evaluationFolder(at(models[0])) : at(options.out);
  const files = await writeEvaluation(out, truth, evaluation);
  const made = Object.values(files).map((path) => `made     ${path}`);
  [...describeEvaluation(evaluation), ...made].forEach((line) => output.say(line));
  output.result({ ...evaluation, files });
  return 0;
}

async function openModel(path: string, options: Options, output: Output, signal: AbortSignal): Promise<TrainedModel> {
  const [{ openTrained }, { configOf, loadEngine, runFolderOf }] = await Promise.all([
    import('@wbdc/pipeline'),
    import('./run-stage.js'),
  ]);
  const config = await configOf(options, output);
  const { folder: from } = output.terminal;
  const model = await findServed(path, runFolderOf(config, from), output, signal);
  await loadEngine(config, output);
  const { remote } = dataPlaces(config.data, from);
  return openTrained(model, { from, signal, remote, observer: output, onnx: await onnxOf(config) });
}
