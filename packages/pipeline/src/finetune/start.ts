import { join } from 'node:path';
import { formatWeightReport } from '@wbdc/checkpoints';
import { startFromBert } from '@wbdc/checkpoints/node';
import type { Recipe } from '@wbdc/data';
import type { Head } from '@wbdc/finetune';
import { startFromVision } from '@wbdc/lxmert-model/node';
import { readIfThere } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';
import { loadParams } from '@wbdc/train/node';
import { bertSizesOf, lxmertSizesOf, type VideoTextParams } from '../encoder.js';
import { assertSavedModel, readSavedModel } from '../saved/read.js';
import { findModel } from '../trained/node/find-model.js';
import type { SavedSimilarity } from '../saved/schema.js';
import { goesOn } from '../training/run.js';
import type { EncoderParams } from './encoder.js';
import { startFromCorpus } from '../pretrain/corpus.js';
import type { FinetuneOptions, InitialWeights } from './options.js';
import type { TagForm } from './recipe.js';

/**
 * Gives the encoder the weights to start from; a tower has its own already.
 *
 * @throws TrainedError where there is no model; WbdcError where it is another one
 */
export async function startEncoder(options: FinetuneOptions, params: EncoderParams): Promise<void> {
  const { init, observer } = options;
  const encoder = withoutTower(params);
  if (init === undefined || (await goesOn(options))) return;
  if ('corpus' in init) {
    const read = await startFromCorpus({ encoder, heads: {} }, init.corpus);
    observer?.onMessage?.(`the text side starts from ${read}`);
    return;
  }
  if (!('checkpoint' in init)) return startFromPublished(options, encoder, init);
  const checkpoint = await findModel(init.checkpoint, { first: 'pretrain' });
  await assertSavedModel(checkpoint, architectureOf(options));
  await loadParams(join(checkpoint, 'model.safetensors'), encoder, 'encoder.');
  observer?.onMessage?.(`the encoder starts from ${checkpoint}`);
}

async function startFromPublished(
  { observer, settings, tokenizer, data, extractor }: FinetuneOptions,
  encoder: VideoTextParams,
  { bert, vision }: { readonly bert?: string; readonly vision?: string },
): Promise<void> {
  const { model, frames } = settings;
  const { vocabSize } = tokenizer;
  if (bert !== undefined) {
    const report = await startFromBert(encoder, bertSizesOf(model, vocabSize), bert, { path: 'bert.' });
    observer?.onMessage?.(formatWeightReport(report));
  }
  if (vision !== undefined) {
    const frameSize = extractor?.width ?? data.training.frameSize;
    const report = await startFromVision(encoder, lxmertSizesOf(model, frames, vocabSize, frameSize), vision);
    observer?.onMessage?.(formatWeightReport(report));
  }
}

/**
 * Gives the layer that embeds the values of the hidden layer of a pretraining's tags, which read the same mean.
 *
 * @throws WbdcError where there is no such layer, or one of another width
 */
export async function startEmbedding(options: FinetuneOptions, { output }: Head): Promise<void> {
  const { init, observer } = options;
  if (await goesOn(options)) return;
  const where = 'finetune.embedding';
  if (init === undefined || !('checkpoint' in init)) {
    throw new WbdcError({ where, expected: "a pretraining to start from with 'tag'", got: 'none' });
  }
  const checkpoint = await findModel(init.checkpoint, { first: 'pretrain' });
  const expected = `a pretraining on tags with pooling mean and hidden ${output.bias.size} in ${checkpoint}`;
  const saved = await readSavedModel(checkpoint);
  const tag = saved.kind === 'pretrained' ? saved.tasks.tag : null;
  if (tag?.pooling !== 'mean' || tag.hidden !== output.bias.size) {
    const got = tag ? `pooling ${tag.pooling}, hidden ${String(tag.hidden)}` : 'none on tags';
    throw new WbdcError({ where, expected, got, advice: "set finetune.embedding to 'fresh'" });
  }
  await loadParams(join(checkpoint, 'model.safetensors'), output, 'heads.tag.hidden.');
  observer?.onMessage?.(`the layer that embeds starts from the tags' hidden layer in ${checkpoint}`);
}

/** The tags of a pretraining and the form of its head, to go on from. */
export interface PretrainedTags {
  readonly tags: readonly string[];
  readonly form: TagForm;
  /** Gives a head of that form the pretraining's values. */
  load(head: Head): Promise<void>;
}

/** @throws WbdcError where there is no pretraining on tags to start from */
export async function pretrainedTags(init: InitialWeights | undefined): Promise<PretrainedTags> {
  const where = 'finetune.tags.head';
  const advice = "set finetune.tags.head to 'fresh'";
  if (init === undefined || !('checkpoint' in init)) {
    throw new WbdcError({ where, expected: "a pretraining to start from with 'pretrain'", got: 'none', advice });
  }
  const checkpoint = await findModel(init.checkpoint, { first: 'pretrain' });
  const saved = await readSavedModel(checkpoint);
  const tag = saved.kind === 'pretrained' && saved.tasks.tag?.of === 'tags' ? saved.tasks.tag : null;
  const listed = (await readIfThere(join(checkpoint, 'tag_list.txt'))) ?? '';
  const tags = listed.split(/\r?\n/).filter((line) => line !== '');
  if (tag === null || tags.length === 0) {
    throw new WbdcError({ where, expected: `a pretraining on tags in ${checkpoint}`, got: 'one without', advice });
  }
  return {
    tags,
    form: { pooling: tag.pooling, hidden: tag.hidden, activation: tag.activation },
    load: async ({ output, hidden }) => {
      await loadParams(join(checkpoint, 'model.safetensors'), { output, ...(hidden && { hidden }) }, 'heads.tag.');
    },
  };
}

export function withoutTower({ vision: _vision, ...encoder }: EncoderParams): VideoTextParams {
  return encoder;
}

/** What the weights of an encoder depend on, as its checkpoint's description says it. */
export function architectureOf({
  settings: { model, text, frames },
  data,
}: FinetuneOptions): Pick<SavedSimilarity, 'sizes' | 'text' | 'frames' | 'features'> {
  const features: Recipe | null = data.features ?? null;
  return { sizes: model, text, frames, features };
}
