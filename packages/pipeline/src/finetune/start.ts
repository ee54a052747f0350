import { join } from 'node:path';
import { formatWeightReport } from '@wbdc/checkpoints';
import { startFromBert } from '@wbdc/checkpoints/node';
import type { Recipe } from '@wbdc/data';
import { WbdcError } from '@wbdc/io/errors';
import { findCheckpoint, hasCheckpoint, loadParams } from '@wbdc/train/node';
import { bertSizesOf, type VideoTextParams } from '../encoder.js';
import { assertSavedModel } from '../saved/read.js';
import type { SavedSimilarity } from '../saved/schema.js';
import { goesOn } from '../training/run.js';
import type { EncoderParams } from './encoder.js';
import type { FinetuneOptions } from './options.js';

/**
 * Gives the encoder the weights to start from; a tower has its own already.
 *
 * @throws WbdcError where there is no checkpoint, or one of another model
 */
export async function startEncoder(options: FinetuneOptions, params: EncoderParams): Promise<void> {
  const { init, observer, settings, tokenizer } = options;
  const encoder = withoutTower(params);
  if (init === undefined || (await goesOn(options))) return;
  if ('bert' in init) {
    const sizes = bertSizesOf(settings.model, tokenizer.vocabSize);
    const report = await startFromBert(encoder, sizes, init.bert, { path: 'bert.' });
    return observer?.onMessage?.(formatWeightReport(report));
  }
  if (!(await hasCheckpoint(init.checkpoint))) {
    throw new WbdcError({ where: init.checkpoint, expected: 'a checkpoint', got: 'none', code: 'init-missing' });
  }
  const checkpoint = await findCheckpoint(init.checkpoint);
  await assertSavedModel(checkpoint, architectureOf(options));
  await loadParams(join(checkpoint, 'model.safetensors'), encoder, 'encoder.');
  observer?.onMessage?.(`the encoder starts from ${checkpoint}`);
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
