import { join } from 'node:path';
import { readIds, type FeatureSource } from '@wbdc/data';
import { floats } from '@wbdc/nn';
import type { PretrainParams } from '@wbdc/pretrain-tasks';
import { loadParams } from '@wbdc/train/node';
import { openVideoSet, type SplitTexts, type VideoSet, type VideoSetOptions } from '../data/video-set.js';
import type { VideoTextParams } from '../encoder.js';
import { findModel } from '../trained/node/find-model.js';

export interface CorpusOptions extends Pick<
  VideoSetOptions,
  'tokenizer' | 'text' | 'maxBadShare' | 'signal' | 'observer'
> {
  readonly splits: readonly SplitTexts[];
}

/** Opens texts as videos without frames. */
export function openCorpus({ splits, ...options }: CorpusOptions): Promise<VideoSet> {
  return openVideoSet({
    ...options,
    splits: splits.map((split) => ({ ...split, openFeatures: () => withoutFrames(split.annotations) })),
    frames: { limit: 1, choice: 'even' },
    tags: [],
  });
}

async function withoutFrames(annotations: string): Promise<FeatureSource> {
  const ids = new Set(await readIds(annotations, { onBad: () => undefined }));
  return {
    width: 1,
    size: ids.size,
    has: (id) => ids.has(id),
    read: () => Promise.resolve(floats([0, 1])),
    close: () => Promise.resolve(),
  };
}

/**
 * Gives a model's text side, and its head of masked words where it has one, the weights of a pretraining on texts.
 *
 * @param checkpoint a run's text stage, or what else `findModel` finds
 * @returns the folder of the weights
 * @throws WbdcError where the sizes or the vocabulary are others
 */
export async function startFromCorpus(
  { encoder, heads }: PretrainParams<VideoTextParams>,
  checkpoint: string,
): Promise<string> {
  const found = await findModel(checkpoint, { first: 'pretrain' });
  const weights = join(found, 'model.safetensors');
  await loadParams(weights, encoder.bert, 'encoder.bert.');
  if (heads['mlm']) await loadParams(weights, heads['mlm'], 'heads.mlm.');
  return found;
}
