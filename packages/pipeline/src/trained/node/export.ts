import { join } from 'node:path';
import { linearShapes, normShapes, readParams } from '@wbdc/checkpoints';
import { saveBert } from '@wbdc/checkpoints/node';
import { makeFolder, writeFileAtomic } from '@wbdc/io';
import { disposeTree, type Linear, type Norm, type ParamTree } from '@wbdc/nn';
import { TOKENIZER_FILES } from '@wbdc/tokenizer';
import { bertSizesOf } from '../../encoder.js';
import { TOWER_FOLDER, WEIGHTS_FILE, type ModelBytes, type ModelFiles } from '../model-files.js';
import { onnxHeadOf, onnxOf } from '../onnx.js';
import { featureRecipeOf } from '../predict.js';
import { readModel, type ReadModel } from '../read-model.js';
import { TrainedError } from '../errors.js';
import { readTower } from '../tower.js';
import { modelSource, towerFiles, type ModelSource, type OpenTrainedOptions } from './open.js';
import { saveTower } from './save-tower.js';

/** A file or folder that was written. */
export interface Written {
  readonly path: string;
  readonly about: string;
}

/** How a model is exported. */
export interface ExportTrainedOptions extends Omit<
  OpenTrainedOptions,
  'decode' | 'limits' | 'backend' | 'onnx' | 'tower'
> {
  /** As for `openTrained`; null leaves it out. By default one that is not found is told and left out. */
  readonly tower?: OpenTrainedOptions['tower'] | null;
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
  { tower, ...options }: ExportTrainedOptions = {},
): Promise<Written[]> {
  const found = await modelSource(source, options);
  const { files } = found;
  const model = await readModel(files, options.observer ?? {});
  try {
    await makeFolder(folder);
    const text = await exportText(model, files, join(folder, 'text-encoder'));
    const copied = [...(await copyTexts(files, folder)), ...(await writeOutputs(model, folder))];
    const named = { ...options, ...(tower != null && { tower }) };
    const towers = tower === null ? [] : await exportTower(model, found, folder, named);
    return [await exportOnnx(model, join(folder, 'model.onnx')), text, ...towers, ...copied];
  } finally {
    disposeTree(model.params);
  }
}

async function exportTower(
  model: ReadModel,
  { files, folder: from }: ModelSource,
  folder: string,
  options: Omit<ExportTrainedOptions, 'tower'> & Pick<OpenTrainedOptions, 'tower'>,
): Promise<Written[]> {
  const [path, onnx] = [join(folder, TOWER_FOLDER), join(folder, 'tower.onnx')];
  try {
    await saveTower(await readTower(await towerFiles(files, from, options)), model, path, onnx);
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

/** Whether there was such a file. */
export async function copyText(files: ModelFiles, name: string, folder: string): Promise<boolean> {
  const text = await files.readText(name);
  if (text !== undefined) await writeFileAtomic(join(folder, name), text);
  return text !== undefined;
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

async function exportOnnx(model: ReadModel, path: string): Promise<Written> {
  const head = onnxHeadOf(model);
  await writeFileAtomic(path, [onnxOf(model, head)]);
  const outputs = ['text', 'frameStates', 'cls', ...(head ? [`${head.name} (${head.linear.bias.size})`] : [])];
  return { path, about: `for onnxruntime: outputs ${outputs.join(', ')}` };
}
