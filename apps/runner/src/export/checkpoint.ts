import { join } from 'node:path';
import { foldIn, parameter, randomKey, type Linear, type Norm, type ParamTree } from '@wbdc/nn';
import { openWeights, type WeightFile } from '@wbdc/checkpoints/node';
import { loadParams } from '@wbdc/train/node';
import { encoderOf, type SavedClip, type SavedModel, type VideoTextParams } from '@wbdc/pipeline';
import { readSavedModel } from '@wbdc/pipeline/node';
import { UserError } from '../errors.js';

/** A trained model as its checkpoint's folder describes it. */
export interface TrainedModel {
  readonly folder: string;
  readonly config: Exclude<SavedModel, SavedClip>;
  readonly vocabSize: number;
  readonly frameSize: number;
  readonly encoder: VideoTextParams;
  /** Of the masked language model, where it was trained. */
  readonly mlmHead?: { readonly transform: Linear; readonly norm: Norm; readonly bias: Norm['beta'] };
  readonly tagHead?: TrainedHead;
  /** Of a finetuning. */
  readonly head?: TrainedHead;
}

export interface TrainedHead {
  readonly output: Linear;
  /** Between the pooled state and the output. */
  readonly hidden?: Linear;
  /** Of attention pooling. */
  readonly attention?: Linear;
}

/** Reads encoder and heads of a checkpoint of the pretrain or the finetune stage. */
export async function readTrainedModel(folder: string): Promise<TrainedModel> {
  const config = await readSavedModel(folder);
  if (config.kind === 'clip') {
    const where = join(folder, 'config.json');
    throw new UserError(`${where}: expected a checkpoint of the pretrain or finetune stage, got one of a 'clip' model`);
  }
  const file = await openWeights(join(folder, 'model.safetensors'));
  try {
    const { vocabSize, frameSize } = encoderSizes(file, config.sizes.kind);
    const encoder = encoderOf({ model: config.sizes, frames: config.frames }, vocabSize, frameSize).init(
      foldIn(randomKey(0), 'overwritten'),
    );
    await loadParams(file.path, encoder, 'encoder.');
    const heads = await readHeads(file);
    return { folder, config, vocabSize, frameSize, encoder, ...heads };
  } finally {
    await file.close();
  }
}

/** V and Dv of a video-text model, by its weights. */
export async function readEncoderSizes(path: string, model: string): Promise<{ vocabSize: number; frameSize: number }> {
  const file = await openWeights(path);
  try {
    return encoderSizes(file, model);
  } finally {
    await file.close();
  }
}

function encoderSizes(file: WeightFile, model: string): { vocabSize: number; frameSize: number } {
  const [vocabSize] = shapeOf(file, 'encoder.bert.embeddings.word');
  const projection = model === 'lxmert-model' ? 'encoder.video.projection' : 'encoder.frames.projection';
  const [frameSize] = shapeOf(file, `${projection}.weight`);
  return { vocabSize, frameSize };
}

async function readHeads(file: WeightFile): Promise<Pick<TrainedModel, 'mlmHead' | 'tagHead' | 'head'>> {
  const has = (path: string): boolean => file.tensors.has(path);
  return {
    ...(has('heads.mlm.bias') && {
      mlmHead: {
        transform: await readLinear(file, 'heads.mlm.transform'),
        norm: { gamma: await read(file, 'heads.mlm.norm.gamma'), beta: await read(file, 'heads.mlm.norm.beta') },
        bias: await read(file, 'heads.mlm.bias'),
      },
    }),
    ...(has('heads.tag.output.weight') && { tagHead: await readHead(file, 'heads.tag') }),
    ...(has('head.output.weight') && { head: await readHead(file, 'head') }),
  };
}

async function readHead(file: WeightFile, path: string): Promise<TrainedHead> {
  const has = (layer: string): boolean => file.tensors.has(`${path}.${layer}.weight`);
  return {
    output: await readLinear(file, `${path}.output`),
    ...(has('hidden') && { hidden: await readLinear(file, `${path}.hidden`) }),
    ...(has('attention') && { attention: await readLinear(file, `${path}.attention`) }),
  };
}

async function readLinear(file: WeightFile, path: string): Promise<Linear> {
  return { weight: await read(file, `${path}.weight`), bias: await read(file, `${path}.bias`) };
}

async function read<T extends Linear['weight'] | Linear['bias']>(file: WeightFile, path: string): Promise<T> {
  const { data, shape } = await file.read(path);
  return parameter(data as Float32Array, shape) as ParamTree as T;
}

function shapeOf(file: WeightFile, name: string): readonly number[] {
  const info = file.tensors.get(name);
  if (info) return info.shape;
  throw new UserError(`${file.path}: expected the weights of a video-text model, got none named ${name}`);
}
