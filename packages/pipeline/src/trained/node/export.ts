import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { linearShapes, normShapes, readParams } from '@wbdc/checkpoints';
import { saveBert } from '@wbdc/checkpoints/node';
import { assertDtype, quantizeOnnx, type OnnxRanges } from '@wbdc/checkpoints/onnx';
import { makeFolder, writeFileAtomic, writeJson } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';
import { disposeTree, type Linear, type Norm, type ParamTree } from '@wbdc/nn';
import { TOKENIZER_FILES } from '@wbdc/tokenizer';
import type { InferenceDtype } from '@wbdc/video-features/onnx';
import { bertSizesOf } from '../../encoder.js';
import { TOWER_FOLDER, WEIGHTS_FILE, type ModelBytes, type ModelFiles } from '../model-files.js';
import { onnxHeadOf, onnxOf } from '../onnx.js';
import { featureRecipeOf } from '../predict.js';
import { QUANTIZATION_FILE, readQuantization, type Quantization } from '../quantization.js';
import { readModel, type ReadModel } from '../read-model.js';
import { TrainedError } from '../errors.js';
import { readTower } from '../tower.js';
import { calibrateTrained, type TrainedCalibration } from './calibrate.js';
import { copyText } from './copy-text.js';
import type { HubOptions } from './hub-folder.js';
import { filesPlatform, modelSource, towerFiles, type ModelSource, type OpenTrainedOptions } from './open.js';
import { saveTrained, type Written } from './save.js';
import { saveTower } from './save-tower.js';

/** How a model is exported. */
export interface ExportTrainedOptions extends Omit<
  OpenTrainedOptions,
  'decode' | 'limits' | 'backend' | 'onnx' | 'tower'
> {
  /** As for `openTrained`; null leaves it out. By default one that is not found is told and left out. */
  readonly tower?: OpenTrainedOptions['tower'] | null;
  /** In what `model.onnx` and `tower.onnx` keep their weights: see `quantizeOnnx`. Default `fp32`. */
  readonly dtype?: InferenceDtype | undefined;
  /** Of `int8`: weights of 7 bits, for processors with AVX2 and without VNNI. */
  readonly reduceRange?: boolean | undefined;
  /**
   * Of `int8`: videos of one's own, on which it is seen where values go. Without them each batch that the files compute
   * has its own ranges. What is seen is kept in `quantization.json`.
   */
  readonly calibration?: TrainedCalibration | undefined;
  /** Writes `model/` too, as `saveTrained` does, with `quantization.json` where it was calibrated. */
  readonly model?: boolean | undefined;
}

/**
 * Writes a trained model for other programs: `model.onnx` with the whole encoder and its head, for onnxruntime;
 * `text-encoder/` as transformers loads it; `tower.onnx` and `tower/`, the vision tower that makes its frame features;
 * the vocabulary, the tags and the categories beside them.
 *
 * @param source as for `openTrained`
 * @throws TrainedError where there is no model, or not the tower that is named; RangeError above 2 GB of weights, the
 *   limit of ONNX files
 */
export async function exportTrained(
  source: string | URL | ModelBytes,
  folder: string,
  asked: ExportTrainedOptions = {},
): Promise<Written[]> {
  const { tower, dtype, reduceRange, calibration, model: whole, ...options } = asked;
  assertCalibration(asked);
  const found = await modelSource(source, options);
  const { files } = found;
  const model = await readModel(files, options.observer ?? {});
  try {
    const named = { ...options, ...(tower != null && { tower }) };
    const quantization = calibration
      ? await calibrateTrained(model, filesPlatform(found, named), calibration, options.observer)
      : dtype === 'int8'
        ? await readQuantization(files)
        : undefined;
    await makeFolder(folder);
    const text = await exportText(model, files, join(folder, 'text-encoder'));
    const copied = [...(await copyTexts(files, folder)), ...(await writeOutputs(model, folder))];
    const finish: Finish = (bytes, ranges, where) =>
      dtype === undefined || dtype === 'fp32' ? bytes : quantizeOnnx(bytes, { dtype, ranges, reduceRange, where });
    const kept = { finish, quantization };
    const towers = tower === null ? [] : await exportTower(model, found, folder, { ...named, ...kept });
    const made = [await exportOnnx(model, join(folder, 'model.onnx'), kept), text, ...towers, ...copied];
    const own = join(folder, 'model');
    const saving = { ...options, ...(tower !== undefined && { tower }) };
    if (whole) made.push(await saveTrained(source, own, saving));
    for (const at of whole ? [folder, own] : [folder]) await keepQuantization(at, quantization);
    if (quantization === undefined) return made;
    return [...made, { path: join(folder, QUANTIZATION_FILE), about: describeQuantization(quantization) }];
  } finally {
    disposeTree(model.params);
  }
}

/** @throws WbdcError `onnx-dtype`; `calibration-dtype` where nothing would read what is seen */
function assertCalibration({ dtype = 'fp32', calibration, reduceRange }: ExportTrainedOptions): void {
  if (dtype !== 'fp32') assertDtype(dtype);
  const given = calibration ? 'calibration' : reduceRange ? 'reduceRange' : undefined;
  if (dtype === 'int8' || given === undefined) return;
  throw new WbdcError({ where: given, expected: 'dtype int8 with it', got: dtype, code: 'calibration-dtype' });
}

/** One of an earlier export would be that of other weights. */
async function keepQuantization(folder: string, quantization: Quantization | undefined): Promise<void> {
  const path = join(folder, QUANTIZATION_FILE);
  if (quantization === undefined) await rm(path, { force: true });
  else await writeJson(path, quantization);
}

function describeQuantization({ method, videos, pictures }: Quantization): string {
  return `where values go by ${method}, on ${videos} videos and ${pictures} pictures`;
}

/** What becomes of an ONNX file before it is written. */
type Finish = (model: Uint8Array, ranges: OnnxRanges | undefined, where: string) => Uint8Array;

interface Kept {
  readonly finish: Finish;
  readonly quantization: Quantization | undefined;
}

async function exportTower(
  model: ReadModel,
  { files, folder: from }: ModelSource,
  folder: string,
  { finish, quantization, ...options }: HubOptions & Pick<OpenTrainedOptions, 'tower'> & Kept,
): Promise<Written[]> {
  const [path, onnx] = [join(folder, TOWER_FOLDER), join(folder, 'tower.onnx')];
  if (quantization !== undefined && quantization.tower === undefined) {
    options.observer?.onWarning?.('tower.onnx finds its ranges batch by batch: no frames to calibrate it with');
  }
  const file = { path: onnx, finish: (bytes: Uint8Array) => finish(bytes, quantization?.tower, onnx) };
  try {
    await saveTower(await readTower(await towerFiles(files, from, options)), model, path, file);
  } catch (error) {
    const missing = error instanceof TrainedError && error.code === 'tower-missing' && options.tower === undefined;
    if (!missing) throw error;
    options.observer?.onWarning?.(`without the vision tower, which is not there: ${error.message}`);
    return [];
  }
  const { output = 'pooled' } = featureRecipeOf(model) ?? {};
  return [
    { path: onnx, about: `its vision tower for onnxruntime: frame features are output ${String(output)}` },
    { path, about: 'the same tower for transformers' },
  ];
}

/** Of the masked language model. */
type MlmHead = ParamTree & { readonly transform: Linear; readonly norm: Norm };

async function exportText({ saved, sizes, params }: ReadModel, files: ModelFiles, path: string): Promise<Written> {
  const mlmHead = await readMlmHead(files, saved.sizes.width, sizes.vocabSize);
  try {
    await makeFolder(path);
    await saveBert(path, params.encoder.bert, bertSizesOf(saved.sizes, sizes.vocabSize), mlmHead ? { mlmHead } : {});
    for (const name of TOKENIZER_FILES) await copyText(files, name, path);
    return { path, about: `the text's BERT${mlmHead ? ' with its masked language model' : ''}, for transformers` };
  } finally {
    if (mlmHead) disposeTree(mlmHead);
  }
}

async function readMlmHead(files: ModelFiles, width: number, vocabSize: number): Promise<MlmHead | undefined> {
  const weights = await files.openWeights(WEIGHTS_FILE);
  try {
    if (!weights.tensors.has('heads.mlm.bias')) return undefined;
    const layers = [...linearShapes('transform', width, width), ...normShapes('norm', width)];
    return await readParams<MlmHead>(new Map([...layers, ['bias', [vocabSize]]]), weights, 'heads.mlm.');
  } finally {
    await weights.close();
  }
}

const ABOUT: Readonly<Record<string, string>> = {
  'vocab.txt': 'the vocabulary',
  'tokenizer.json': 'the vocabulary',
  'tag_list.txt': 'the tags in the order of the output',
};

async function copyTexts(files: ModelFiles, folder: string): Promise<Written[]> {
  const written: Written[] = [];
  for (const [name, about] of Object.entries(ABOUT)) {
    if (await copyText(files, name, folder)) written.push({ path: join(folder, name), about });
  }
  return written;
}

/** What the outputs mean, where the model itself says it. */
async function writeOutputs({ saved }: ReadModel, folder: string): Promise<Written[]> {
  const write = async (name: string, lines: readonly unknown[], about: string): Promise<Written> => {
    const path = join(folder, name);
    await writeFileAtomic(path, lines.map((line) => `${String(line)}\n`).join(''));
    return { path, about };
  };
  if (saved.kind === 'category') {
    return [await write('classes.txt', saved.classes, 'the categories in the order of the output')];
  }
  if (saved.kind !== 'tags') return [];
  const { tags, thresholds } = saved;
  return [
    await write('tag_list.txt', tags, 'the tags in the order of the output'),
    await write(
      'tag_thresholds.txt',
      tags.map((_, i) => thresholds[i] ?? 0.5),
      'from which probability on each counts',
    ),
  ];
}

async function exportOnnx(model: ReadModel, path: string, { finish, quantization }: Kept): Promise<Written> {
  const head = onnxHeadOf(model);
  await writeFileAtomic(path, [finish(onnxOf(model, head), quantization?.model, path)]);
  const outputs = ['text', 'frameStates', 'cls', ...(head ? [`${head.name} (${head.linear.bias.size})`] : [])];
  return { path, about: `for onnxruntime: outputs ${outputs.join(', ')}` };
}
