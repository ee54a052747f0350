import { makeFolder } from '@wbdc/io';
import { finetuneCategory } from './category.js';
import { finetuneEncoder } from './encoder.js';
import { finetuneFolds } from './folds.js';
import type { FinetunedModel, FinetuneOptions, FinetuneResult } from './options.js';
import { finetuneSimilarity } from './similarity.js';
import { finetuneTags } from './tags.js';

const KINDS = { category: finetuneCategory, similarity: finetuneSimilarity, tags: finetuneTags };

/**
 * Finetunes a video-text model: categories (WBDC 2022), similarity (AIAC 2021) or tags, as `settings.finetune.kind`
 * says; with `fold: 'all'` one model per fold. The folder gets checkpoints, the finished model, predictions of the
 * held-out videos and scores, see `finetuneFiles`. The same options give the same numbers, bit by bit, also after an
 * interruption and with `resume`.
 *
 * @throws WbdcError where settings and data do not fit
 */
export async function finetune(options: FinetuneOptions): Promise<FinetuneResult> {
  await makeFolder(options.folder);
  return options.settings.finetune.fold === 'all' ? finetuneFolds(options, finetuneModel) : finetuneModel(options);
}

async function finetuneModel(options: FinetuneOptions): Promise<FinetunedModel> {
  const { settings, tokenizer, extractor, data } = options;
  const sizes = { vocabSize: tokenizer.vocabSize, frameSize: extractor?.width ?? data.training.frameSize };
  const encoder = finetuneEncoder(settings, sizes, extractor);
  return { kind: 'model', ...(await KINDS[settings.finetune.kind](options, encoder)) };
}
