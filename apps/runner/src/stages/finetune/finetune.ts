import { finetuneEncoder } from '@wbdc/pipeline';
import { loadTokenizer } from '@wbdc/tokenizer/node';
import type { Config } from '../../config/schema.js';
import { UserError } from '../../errors.js';
import type { StageContext, StageResult } from '../../stage.js';
import { finetuneCategory } from './category.js';
import { finetuneFolds } from './folds.js';
import { finetuneSimilarity } from './similarity.js';
import { openInputs } from './start.js';

const KINDS = { category: finetuneCategory, similarity: finetuneSimilarity };

/** Finetunes the video-text model and predicts the held-out splits. */
export async function runFinetuneStage(context: StageContext): Promise<StageResult> {
  assertSplits(context.config);
  return context.config.finetune.fold === 'all' ? finetuneFolds(context, finetune) : finetune(context);
}

/** Trains one model. */
async function finetune(context: StageContext): Promise<StageResult> {
  const { config } = context;
  const tokenizer = await loadTokenizer(context.upstream('vocab'));
  const inputs = await openInputs(context, tokenizer);
  try {
    const training = await inputs.open(learnedSplits(config));
    const heldOut = await inputs.open(config.data.heldOutSplits);
    const { vocabSize } = tokenizer;
    const frameSize = inputs.extractor?.width ?? training.dataset.frameSize;
    const encoder = finetuneEncoder(config, { vocabSize, frameSize }, inputs.extractor);
    const { status, made, summary } = await KINDS[config.finetune.kind]({
      context,
      tokenizer,
      encoder,
      training,
      heldOut,
      ...inputs,
    });
    const tower = inputs.extractor ? [inputs.extractor.read] : [];
    return { status, read: [...tower, ...training.read, ...heldOut.read], made, summary };
  } finally {
    await inputs.close();
  }
}

/** The labelled splits, and those that an ensemble has predicted. */
function learnedSplits({ finetune: { splits, distill } }: Config): string[] {
  return [...new Set([...splits, ...(distill?.splits ?? [])])];
}

/** The features stage has only these. */
function assertSplits({ finetune: { splits, distill, predict }, data }: Config): void {
  const named = { splits, 'distill.splits': distill?.splits ?? [], predict };
  for (const [setting, list] of Object.entries(named)) {
    const foreign = list.find((name) => !data.trainSplits.includes(name));
    if (foreign === undefined) continue;
    throw new UserError(
      `finetune.${setting}: expected some of data.trainSplits (${data.trainSplits.join(', ')}), got '${foreign}'`,
    );
  }
}
