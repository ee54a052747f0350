import { Tokenizer } from '@wbdc/tokenizer';
import type { Config } from '../../config/schema.js';
import { UserError } from '../../errors.js';
import type { StageContext, StageResult } from '../../stage.js';
import { encoderOf } from '../model.js';
import { openVideoSet } from '../video-set.js';
import { finetuneCategory } from './category.js';
import { finetuneSimilarity } from './similarity.js';
import type { Finetuning } from './start.js';

const KINDS = { category: finetuneCategory, similarity: finetuneSimilarity };

/** Finetunes the video-text model and predicts the held-out splits. */
export async function runFinetuneStage(context: StageContext): Promise<StageResult> {
  const { config } = context;
  assertSplits(config);
  const tokenizer = await Tokenizer.load(context.upstream('vocab'));
  const training = await openVideoSet(context, config.finetune.splits, tokenizer, []);
  const heldOut = await openVideoSet(context, config.data.heldOutSplits, tokenizer, []);
  const encoder = encoderOf(config, tokenizer.vocabSize, training.dataset.frameSize);
  const finetuning: Finetuning = { context, tokenizer, encoder, training, heldOut };
  try {
    const { status, made, summary } = await KINDS[config.finetune.kind](finetuning);
    return { status, read: [...training.read, ...heldOut.read], made, summary };
  } finally {
    await Promise.all([training.close(), heldOut.close()]);
  }
}

/** The features stage has only these. */
function assertSplits({ finetune, data }: Config): void {
  const foreign = finetune.splits.find((name) => !data.trainSplits.includes(name));
  if (foreign === undefined) return;
  throw new UserError(
    `finetune.splits: expected some of data.trainSplits (${data.trainSplits.join(', ')}), got '${foreign}'`,
  );
}
