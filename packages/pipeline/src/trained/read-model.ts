import * as tf from '@tensorflow/tfjs';
import type { Tensor2D } from '@tensorflow/tfjs';
import { assertLayerCounts, modelOf, readParams } from '@wbdc/checkpoints';
import { categoryModel, similarityModel, tagModel, type Head } from '@wbdc/finetune';
import { disposeTree, joinColumns, l2Normalize, meanPool, type Batch, type Encoded, type Encoder } from '@wbdc/nn';
import { tagProbabilities, type TagHead } from '@wbdc/pretrain-tasks/tag';
import { TOKENIZER_FILES, Tokenizer, type TokenizerFiles } from '@wbdc/tokenizer';
import { encoderOf, encoderShapes, type VideoTextParams } from '../encoder.js';
import type { Observer } from '../observer.js';
import { parseSavedModel } from '../saved/saved-model.js';
import type { SavedClip, SavedModel } from '../saved/schema.js';
import { sharesOfPositions } from './attend.js';
import { readCategoryNames, type NameOf } from './category-names.js';
import { TrainedError } from './errors.js';
import { headShapes, tagHeadShapes } from './head-shapes.js';
import { CONFIG_FILE, WEIGHTS_FILE, pathOf, type ModelFiles, type OpenWeights } from './model-files.js';

/** The description of a model that reads videos: not that of a CLIP. */
export type SavedVideoModel = Exclude<SavedModel, SavedClip>;

/** The parameters of a model: an encoder, and the head that is used. */
interface TrainedParams {
  readonly encoder: VideoTextParams;
  /** Of a finetuning. */
  readonly head?: Head;
  /** Of a pretraining. */
  readonly heads?: { readonly tag: TagHead };
}

/** A row for each video of a batch. */
export type RunHead = (batch: Batch) => Tensor2D | Promise<Tensor2D>;

/** What a model does with a batch, where it has the head for it. */
export interface TrainedHeads {
  /** Probabilities of the categories `[B, C]`. */
  readonly classify?: RunHead;
  /** Unit vectors `[B, outputs]`; of a pretraining `[B, D]`, the mean over tokens and frames. */
  readonly embed?: RunHead;
  /** Probabilities of the tags `[B, T]`. */
  readonly tag?: RunHead;
  /** Shares of the positions of one video `[1, L + F]`; of tfjs's engine alone. */
  readonly attend?: RunHead;
}

/** A model as its files hold it. */
export interface ReadModel {
  readonly where: string;
  readonly saved: SavedVideoModel;
  readonly tokenizer: Tokenizer;
  /** V and Dv. */
  readonly sizes: EncoderSizes;
  readonly params: TrainedParams;
  readonly heads: TrainedHeads;
  readonly nameOf: NameOf;
  /** In the order of the tag head's outputs; empty where the files name none. */
  readonly tags: readonly string[];
}

/** What of an encoder's sizes its weights tell. */
interface EncoderSizes {
  readonly vocabSize: number;
  readonly frameSize: number;
}

/**
 * Reads a model: its description, weights, tokenizer and names. Nothing random is drawn. Where the tokenizer's files
 * contradict each other, the observer is told.
 *
 * @throws TrainedError `model-foreign` where it is none that reads videos; WbdcError where a file is missing or broken
 */
export async function readModel(files: ModelFiles, observer: Observer): Promise<ReadModel> {
  const saved = await readDescription(files);
  const weights = await files.openWeights(WEIGHTS_FILE);
  try {
    const sizes = encoderSizes(weights, saved);
    const tokenizer = await readTokenizer(files);
    for (const warning of tokenizer.warnings) observer.onWarning?.(warning);
    // Over a network a question for a file that is of no use costs a round trip.
    const nameOf = saved.kind === 'category' ? await readCategoryNames(files) : () => undefined;
    const tags = saved.kind === 'pretrained' ? linesOf(await files.readText('tag_list.txt')) : [];
    const { layers, videoLayers, crossLayers } = saved.sizes;
    const crossed = saved.sizes.kind === 'lxmert-model' ? { videoLayers, crossLayers } : {};
    assertLayerCounts({ layers, ...crossed }, weights);
    const architecture = { model: saved.sizes, frames: saved.frames };
    const encoder = modelOf(pathOf(files, CONFIG_FILE), () =>
      encoderOf(architecture, sizes.vocabSize, sizes.frameSize),
    );
    const params = await readTrainedParams(saved, sizes, weights);
    return {
      where: files.where,
      saved,
      sizes,
      tokenizer,
      nameOf,
      tags,
      params,
      heads: headsOf(saved, encoder, params),
    };
  } finally {
    await weights.close();
  }
}

async function readDescription(files: ModelFiles): Promise<SavedVideoModel> {
  const where = pathOf(files, CONFIG_FILE);
  const text = await files.readText(CONFIG_FILE);
  const expected = 'a trained model that reads videos';
  if (text === undefined) throw new TrainedError({ where, expected, got: 'no such file', code: 'model-missing' });
  const saved = parseSavedModel(parseJson(text, where), where);
  if (saved.kind !== 'clip') return saved;
  throw new TrainedError({ where, expected, got: 'a CLIP', code: 'model-foreign' });
}

/** The contents of a JSON file. */
export function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const problem = { where, expected: 'JSON', got: 'something else', code: 'model-files' } as const;
    throw new TrainedError(problem, { cause });
  }
}

/** V and Dv of a video-text model, by its weights. */
function encoderSizes(weights: OpenWeights, { sizes }: Pick<SavedVideoModel, 'sizes'>): EncoderSizes {
  const projection = sizes.kind === 'lxmert-model' ? 'encoder.video.projection' : 'encoder.frames.projection';
  const [vocabSize] = shapeIn(weights, 'encoder.bert.embeddings.word');
  const [frameSize] = shapeIn(weights, `${projection}.weight`);
  return { vocabSize, frameSize };
}

function shapeIn({ path, tensors }: OpenWeights, name: string): readonly number[] {
  const info = tensors.get(name);
  if (info !== undefined) return info.shape;
  const expected = 'the weights of a video-text model';
  throw new TrainedError({ where: path, expected, got: `none named ${name}`, code: 'model-files' });
}

async function readTokenizer(files: ModelFiles): Promise<Tokenizer> {
  const texts = TOKENIZER_FILES.map(async (name) => [name, await files.readText(name)] as const);
  return Tokenizer.fromFiles(Object.fromEntries(await Promise.all(texts)) as TokenizerFiles, files.where);
}

async function readTrainedParams(
  saved: SavedVideoModel,
  { vocabSize, frameSize }: EncoderSizes,
  weights: OpenWeights,
): Promise<TrainedParams> {
  const all = encoderShapes({ model: saved.sizes, frames: saved.frames }, vocabSize, frameSize);
  const encoder = await readParams<VideoTextParams>(all, weights, 'encoder.');
  try {
    if (saved.kind !== 'pretrained') {
      const shapes = headShapes(saved.head, saved.sizes.width);
      return { encoder, head: await readParams<Head>(shapes, weights, 'head.') };
    }
    const tagCount = weights.tensors.get('heads.tag.output.bias')?.shape[0];
    if (tagCount === undefined) return { encoder };
    const hidden = weights.tensors.get('heads.tag.hidden.bias')?.shape[0] ?? null;
    const shapes = tagHeadShapes({ tagCount, hidden }, saved.sizes.width);
    return { encoder, heads: { tag: await readParams<TagHead>(shapes, weights, 'heads.tag.') } };
  } catch (error) {
    disposeTree(encoder);
    throw error;
  }
}

function headsOf(saved: SavedVideoModel, encoder: Encoder<VideoTextParams>, params: TrainedParams): TrainedHeads {
  const read = saved.kind === 'pretrained' ? 'mean' : saved.head.pooling;
  const attend = (batch: Batch): Tensor2D => sharesOfPositions(encoder, params.encoder, batch, read);
  if (saved.kind === 'category') {
    const { predict } = categoryModel(encoder, saved.head);
    return { attend, classify: (batch) => predict({ encoder: params.encoder, head: params.head! }, batch) };
  }
  if (saved.kind === 'similarity') {
    const { embed } = similarityModel(encoder, saved.head);
    return { attend, embed: (batch) => embed({ encoder: params.encoder, head: params.head! }, batch) };
  }
  if (saved.kind === 'tags') {
    const { predict } = tagModel(encoder, saved.head);
    return { attend, tag: (batch) => predict({ encoder: params.encoder, head: params.head! }, batch) };
  }
  const { heads } = params;
  const encode = (batch: Batch): Encoded => encoder.encode(params.encoder, batch, {});
  const embed = (batch: Batch): Tensor2D => tf.tidy(() => meanOf(encode(batch), batch));
  if (heads === undefined) return { attend, embed };
  const { pooling = 'cls', activation = null, of } = saved.tasks.tag ?? {};
  const form = { pooling, activation, exclusive: of === 'category' };
  const tag = (batch: Batch): Tensor2D => tf.tidy(() => tagProbabilities(heads.tag, encode(batch), batch, form));
  return { attend, embed, tag };
}

/** The mean over tokens and frames, of length 1, `[B, D]`. */
export function meanOf({ text, frames }: Pick<Encoded, 'text' | 'frames'>, { textMask, frameMask }: Batch): Tensor2D {
  return l2Normalize(meanPool(tf.concat([text, frames], 1), joinColumns(textMask, frameMask)));
}

function linesOf(text: string | undefined): string[] {
  return (text ?? '').split(/\r?\n/).filter((line) => line !== '');
}
