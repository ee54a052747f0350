import { join } from 'node:path';
import { formatWeightReport } from '@wbdc/checkpoints';
import { startFromBert } from '@wbdc/checkpoints/node';
import type { Recipe } from '@wbdc/data';
import type { Head } from '@wbdc/finetune';
import { startFromVision } from '@wbdc/lxmert-model/node';
import { WbdcError } from '@wbdc/io/errors';
import { loadParams } from '@wbdc/train/node';
import { bertSizesOf, lxmertSizesOf, type VideoTextParams } from '../encoder.js';
import { assertSavedModel, readSavedModel } from '../saved/read.js';
import { findModel } from '../trained/node/find-model.js';
import type { SavedSimilarity } from '../saved/schema.js';
import { goesOn } from '../training/run.js';
import type { EncoderParams } from './encoder.js';
import type { FinetuneOptions } from './options.js';

/**
 * Gives the encoder the weights to start from; a tower has its own already.
 *
 * @throws TrainedError where there is no model; WbdcError where it is another one
 */
export async function startEncoder(options: FinetuneOptions, params: EncoderParams): Promise<void> {
  const { init, observer } = options;
  const encoder = withoutTower(params);
  if (init === undefined || (await goesOn(options))) return;
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
