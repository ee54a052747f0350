import type { Key } from '@wbdc/nn';
import type { CheckpointFile } from '@wbdc/train/node';
import { tokenizerFiles } from '../training/files.js';
import { freshWeights } from '../training/run.js';
import type { BaselineSource } from './baselines.js';
import type { FinetuneOptions } from './options.js';
import type { FinetuneRecipe } from './recipe.js';
import { architectureOf } from './start.js';

/** Draws the fresh weights: those that {@link startEncoder} does not give. */
export function weightsKey(options: FinetuneOptions): Promise<Key> {
  const { init } = options;
  if (init === undefined) return freshWeights(options);
  if ('checkpoint' in init) return freshWeights(options, ['encoder']);
  return freshWeights(options, 'corpus' in init || init.bert !== undefined ? ['encoder.bert'] : []);
}

/** Where a finetuning has its baselines from. */
export function baselineSource({ data, extractor, observer }: FinetuneOptions): BaselineSource {
  return { texts: data.texts, features: extractor === undefined, observer };
}

/** What the descriptions of both kinds of finetuned models say. */
export function savedFields(options: FinetuneOptions, head: FinetuneRecipe<unknown>['head']) {
  const { ema, vision } = options.settings.finetune;
  return { ...architectureOf(options), head, ema, ...(vision && { vision }) };
}

/** The files that every checkpoint keeps: the tokenizer's, and others. */
export function savedFiles(
  { tokenizer, files = [] }: Pick<FinetuneOptions, 'tokenizer' | 'files'>,
  further: readonly string[] = [],
): (string | CheckpointFile)[] {
  return [...tokenizerFiles(tokenizer), ...further, ...files];
}
