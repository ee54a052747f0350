import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exists } from '@wbdc/io';
import { disposeTree } from '@wbdc/nn';
import { saveBert } from '@wbdc/checkpoints/node';
import { TOKENIZER_FILES } from '@wbdc/tokenizer';
import type { LxmertModel } from '@wbdc/lxmert-model';
import { lxmertModelOnnx } from '@wbdc/lxmert-model/onnx';
import type { UniModel } from '@wbdc/uni-model';
import { uniModelOnnx, type OnnxHead } from '@wbdc/uni-model/onnx';
import { formatCount } from '../format.js';
import type { Artifact } from '../stage.js';
import { bertSizesOf, lxmertSizesOf, uniSizesOf } from '@wbdc/pipeline';
import { readTrainedModel, type TrainedHead, type TrainedModel } from './checkpoint.js';

/**
 * Writes a checkpoint for others: `text-encoder/` as transformers loads it, and `model.onnx` with the whole encoder and
 * its head, with the vocabulary and the tags beside them.
 */
export async function exportCheckpoint(checkpoint: string, folder: string): Promise<Artifact[]> {
  const trained = await readTrainedModel(checkpoint);
  try {
    await mkdir(folder, { recursive: true });
    const text = await exportText(trained, join(folder, 'text-encoder'));
    const copied = [...(await copyFiles(checkpoint, folder)), ...(await writeClasses(trained, folder))];
    return [await exportOnnx(trained, join(folder, 'model.onnx')), text, ...copied];
  } finally {
    const { encoder, mlmHead = [], tagHead = [], head = [] } = trained;
    disposeTree([encoder, mlmHead, { ...tagHead }, { ...head }]);
  }
}

async function exportText(
  { config, vocabSize, encoder, mlmHead, folder }: TrainedModel,
  path: string,
): Promise<Artifact> {
  await mkdir(path, { recursive: true });
  await saveBert(path, encoder.bert, bertSizesOf(config.sizes, vocabSize), mlmHead ? { mlmHead } : {});
  for (const name of TOKENIZER_FILES) await copyFile(join(folder, name), join(path, name));
  return {
    path,
    about: `the text’s BERT${mlmHead ? ' with its masked language model' : ''}, for transformers and for model.init`,
  };
}

/** Tokenizer, categories and tags: what a server needs besides the graph. */
async function copyFiles(from: string, to: string): Promise<Artifact[]> {
  const made: Artifact[] = [];
  for (const name of ['vocab.txt', 'tokenizer.json', 'tag_list.txt']) {
    if (!(await exists(join(from, name)))) continue;
    await copyFile(join(from, name), join(to, name));
    made.push({
      path: join(to, name),
      about: name === 'tag_list.txt' ? 'the tags in the order of the output' : 'the vocabulary',
    });
  }
  return made;
}

async function writeClasses({ config }: TrainedModel, folder: string): Promise<Artifact[]> {
  if (config.kind !== 'category') return [];
  const path = join(folder, 'classes.txt');
  await writeFile(path, `${config.classes.join('\n')}\n`);
  return [{ path, about: 'the categories in the order of the output' }];
}

async function exportOnnx(trained: TrainedModel, path: string): Promise<Artifact> {
  const head = headOf(trained);
  await writeFile(path, onnxOf(trained, head));
  const outputs = [
    'text',
    'frameStates',
    'cls',
    ...(head ? [`${head.name} (${formatCount(head.linear.bias.size)})`] : []),
  ];
  return { path, about: `for onnxruntime: outputs ${outputs.join(', ')}` };
}

function onnxOf({ config, encoder, vocabSize, frameSize }: TrainedModel, head: OnnxHead | undefined): Uint8Array {
  const { sizes: model, frames } = config;
  if (model.kind === 'uni-model')
    return uniModelOnnx(encoder as UniModel, uniSizesOf(model, frames, vocabSize, frameSize), head);
  return lxmertModelOnnx(encoder as LxmertModel, lxmertSizesOf(model, frames, vocabSize, frameSize), head);
}

/** The output that is served: of a finetuning, else the tags where they were trained. */
function headOf({ config, head, tagHead }: TrainedModel): OnnxHead | undefined {
  if (head && config.kind !== 'pretrained') {
    const served =
      config.kind === 'similarity'
        ? ({ name: 'embedding', activation: 'unit' } as const)
        : ({ name: 'classes', activation: 'softmax' } as const);
    return { ...served, ...headLayers(head), pooling: config.head.pooling };
  }
  const pooling = (config.kind === 'pretrained' && config.tasks.tag?.pooling) || 'cls';
  return tagHead && { name: 'tags', activation: 'sigmoid', ...headLayers(tagHead), pooling };
}

function headLayers({ output, ...others }: TrainedHead): Pick<OnnxHead, 'linear' | 'hidden' | 'attention'> {
  return { linear: output, ...others };
}
