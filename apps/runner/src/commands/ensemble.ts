import { resolve } from 'node:path';
import type { Command } from 'commander';
import { load } from '@wbdc/ensemble-svd/node';
import { describeEnsemble } from '@wbdc/finetune/node';
import { ensembleModels, writeEnsembleReport } from '@wbdc/pipeline/evaluate';
import { cliCommand, type CliCommand } from '../core/command-line.js';
import { UserError } from '../core/errors.js';
import { Output, type OutputOptions, type Terminal } from '../core/output.js';
import { addOutputOptions, wholeNumber } from './options.js';

interface Options extends OutputOptions {
  readonly out: string;
  readonly weights?: string;
  readonly search?: boolean;
  readonly dimensions?: number;
  readonly fit?: string;
  readonly float16?: boolean;
  readonly pairs?: string;
  readonly truth?: string;
  readonly data?: string;
  readonly texts?: string;
}

/** `wbdc ensemble`: several models as one. */
export function addCommands(program: Command, terminal: Terminal): CliCommand {
  const command = program
    .command('ensemble')
    .description(
      'Joins the embeddings of several models by weighted concatenation and SVD, or takes the weighted mean of their ' +
        'probabilities; says how good each is alone, how much they agree, and how good the first n are together; and ' +
        'writes the submission. A model is a run, or a file: result.zip, lines of embed, (tag-)probabilities.jsonl.',
    )
    .argument('<models...>', 'runs such as runs/a, their finetune folders, or files of predictions')
    .requiredOption('--out <folder>', 'where submission, projection and ensemble.json go')
    .option('--weights <list>', 'one a model, such as 1,1,0.7,1 (WBDC); default: equal')
    .option('--search', 'the weights that score best on --pairs or --truth, whose figure then flatters')
    .option('--dimensions <number>', 'of joined embeddings; AIAC allows 256 (default: 256)', wholeNumber(1))
    .option('--fit <file>', 'an ensemble.safetensors fitted before, applied with its weights')
    .option('--float16', 'joined embeddings as float16, as the winners stored theirs')
    .option('--pairs <file>', 'label.tsv: pairs to measure embeddings on; default: those of the embedded data set')
    .option('--truth <file>', 'lines id,category_id to measure probabilities on; of tags annotations or {id, tags}')
    .option('--data <folder>', 'your own data set, whose texts and frames baselines read; default: that of the run')
    .option('--texts <file>', 'annotations with the texts of the videos, for baselines; default: those of the data');
  addOutputOptions(command).addHelpText(
    'after',
    '\nExamples:\n  npx wbdc ensemble runs/job1 runs/job2 runs/job3 --pairs test_a/label.tsv --out runs/all\n' +
      '  npx wbdc ensemble runs/single runs/clip runs/pgd runs/double --weights 1,1,0.7,1 --out runs/fused\n',
  );
  return cliCommand(command, (models: string[], options: Options) =>
    runEnsemble(models, options, new Output(terminal, options)),
  );
}

async function runEnsemble(models: readonly string[], options: Options, output: Output): Promise<number> {
  const at = (path: string): string => resolve(output.terminal.folder, path);
  const given = ['weights', 'search', 'fit'].filter((name) => name in options);
  if (given.length > 1) throw new UserError(`ensemble: expected one of --weights, --search and --fit, got ${given}`, 2);
  const result = await ensembleModels({
    models: models.map(at),
    weights: weightsOf(options, models.length),
    dimension: options.dimensions,
    float16: options.float16,
    fitted: options.fit === undefined ? undefined : await load(at(options.fit)),
    pairs: options.pairs && at(options.pairs),
    truth: options.truth && at(options.truth),
    ...{ data: options.data && at(options.data), texts: options.texts && at(options.texts), from: at('.') },
    productsFor: fastProducts,
    onMessage: (line) => output.say(line),
    onWarning: output.onWarning,
  });
  const files = await writeEnsembleReport(at(options.out), result);
  describeEnsemble(result).forEach((line) => output.say(line));
  for (const path of Object.values(files)) output.say(`made     ${path}`);
  const { kind, measure, weights, singles, correlations, growth, baselines } = result;
  output.result({ kind, measure, weights, singles, correlations, growth, baselines, files });
  return 0;
}

function weightsOf({ weights: list, search }: Options, count: number): number[] | 'search' | undefined {
  if (search) return 'search';
  if (list === undefined) return undefined;
  const weights = list.split(',').map((part) => (part.trim() === '' ? NaN : Number(part)));
  if (weights.length === count && weights.every((weight) => weight >= 0)) return weights;
  throw new UserError(`--weights: expected ${count} numbers of 0 or more with commas between, got '${list}'`, 2);
}

/** From this many values on, ONNX Runtime is worth its start. */
const MANY = 5_000_000;

async function fastProducts(values: number) {
  if (values < MANY) return undefined;
  const { onnxProducts } = await import('@wbdc/ensemble-svd/onnxruntime');
  return onnxProducts(await import('onnxruntime-node'));
}
