import { join, resolve } from 'node:path';
import type { Encoder } from '@wbdc/nn';
import { bertSizesOf, type EncoderParams, type SavedSimilarity, type VideoTextParams } from '@wbdc/pipeline';
import { assertSavedModel } from '@wbdc/pipeline/node';
import { TOKENIZER_FILES, type Tokenizer } from '@wbdc/tokenizer';
import { findCheckpoint, hasCheckpoint, loadParams } from '@wbdc/train/node';
import type { Config } from '../../config/schema.js';
import { UserError } from '../../errors.js';
import type { StageContext } from '../../stage.js';
import { frameDecoders } from '../frame-decoding.js';
import { PictureCache } from '../picture-cache.js';
import { startFromBert } from '../published.js';
import { loadExtractor, type Extractor } from '../tower.js';
import { openVideoSet, type VideoSet, type VideoSetOptions } from '../video-set.js';
import { pictureInput } from './pictures.js';

/** What both kinds of finetuning work with. */
export interface Finetuning {
  readonly context: StageContext;
  readonly tokenizer: Tokenizer;
  readonly encoder: Encoder<EncoderParams>;
  /** The splits to learn from. */
  readonly training: VideoSet;
  readonly heldOut: VideoSet;
  /** The tower, where it is trained. */
  readonly extractor: Extractor | undefined;
  readonly open: (splits: readonly string[]) => Promise<VideoSet>;
}

/** Where videos come from: stored features, or pictures for a tower that is trained. */
export interface Inputs extends Pick<Finetuning, 'extractor' | 'open'> {
  /** Closes what was opened. */
  close(): Promise<void>;
}

export async function openInputs(context: StageContext, tokenizer: Tokenizer): Promise<Inputs> {
  const opened: { close(): Promise<void> }[] = [];
  const close = async (): Promise<void> => void (await Promise.all(opened.map((one) => one.close())));
  const open = async (splits: readonly string[], options?: VideoSetOptions): Promise<VideoSet> => {
    const set = await openVideoSet(context, splits, tokenizer, [], options);
    opened.push(set);
    return set;
  };
  if (context.config.finetune.vision === null) return { extractor: undefined, open: (splits) => open(splits), close };
  const extractor = await loadExtractor(context);
  const decoders = frameDecoders(context.config);
  opened.push(decoders);
  const { preprocessing, sampling } = extractor;
  const input = pictureInput(context, extractor, new PictureCache(decoders.decode, { preprocessing, sampling }));
  context.output.say(`the vision tower of ${extractor.read.path} learns too`);
  return { extractor, open: (splits) => open(splits, { input }), close };
}

/** Gives the encoder the weights that `finetune.init` names; the tower has its own already. */
export async function startEncoder(finetuning: Finetuning, params: EncoderParams): Promise<void> {
  const { context, tokenizer, training } = finetuning;
  const { model, finetune } = context.config;
  const encoder = withoutTower(params);
  if (finetune.init === 'none') {
    if (model.init === undefined) return context.output.say('finetune.init is none: fresh weights');
    const start = { setting: 'model.init', folder: model.init, path: 'bert.' };
    return startFromBert(encoder, bertSizesOf(model, tokenizer.vocabSize), start, context);
  }
  const folder = checkpointsOf(context);
  if (!(await hasCheckpoint(folder))) {
    throw new UserError(
      `finetune.init: expected a checkpoint such as runs/demo/pretrain/checkpoints, found none in ${folder}`,
    );
  }
  const checkpoint = await findCheckpoint(folder);
  await assertSavedModel(checkpoint, architectureOf(context.config, training));
  await loadParams(join(checkpoint, 'model.safetensors'), encoder, 'encoder.');
  context.output.say(`the encoder starts from ${checkpoint}`);
}

export function withoutTower({ vision: _vision, ...encoder }: EncoderParams): VideoTextParams {
  return encoder;
}

function checkpointsOf({ config, upstream, output }: StageContext): string {
  const { init } = config.finetune;
  return init === 'pretrain' ? join(upstream('pretrain'), 'checkpoints') : resolve(output.terminal.folder, init);
}

/** What the weights of an encoder depend on, as its checkpoint's config.json says it. */
export function architectureOf(
  { model, text, frames }: Config,
  { recipe }: Pick<VideoSet, 'recipe'>,
): Pick<SavedSimilarity, 'sizes' | 'text' | 'frames' | 'features'> {
  return { sizes: model, text, frames, features: recipe ?? null };
}

/** The tokenizer, which every checkpoint keeps. */
export function tokenizerFiles({ upstream }: StageContext): string[] {
  return TOKENIZER_FILES.map((name) => join(upstream('vocab'), name));
}
