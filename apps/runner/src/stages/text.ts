import { corpusPretraining, corpusText } from '@wbdc/pipeline/settings';
import { openCorpus, pretrain } from '@wbdc/pipeline/node';
import { loadTokenizer } from '@wbdc/tokenizer/node';
import type { StageContext, StageResult } from '../run/stage.js';
import { bertInitializer } from './published.js';
import { runInStage, trainedOf } from './training.js';
import { artifactsOf, splitTexts } from './video-set.js';

/** Pretrains the text side on texts without frames. */
export async function runTextStage(context: StageContext): Promise<StageResult> {
  const { config, signal, output } = context;
  const { frames, data } = config;
  const text = corpusText(config.text);
  const corpus = config.corpus!;
  const tokenizer = await loadTokenizer(context.upstream('vocab'), output);
  const shared = { tokenizer, text, maxBadShare: data.maxBadShare, signal, observer: output };
  const training = await openCorpus({ ...shared, splits: splitTexts(context, corpus.splits) });
  const heldOut = await openCorpus({ ...shared, splits: splitTexts(context, corpus.heldOutSplits) });
  const settings = { ...corpusPretraining(config.model, corpus), text, frames };
  const sets = { training: training.dataset, heldOut: heldOut.dataset };
  const initialize = bertInitializer(context, tokenizer.vocabSize, settings.tasks.mlm !== null);
  try {
    const result = await runInStage(context, (run) =>
      pretrain({ ...run, settings, tokenizer, data: sets, initialize }),
    );
    const trained = trainedOf(result);
    const summary = { parameters: result.parameters, ...trained.summary };
    return { ...trained, read: artifactsOf([...training.splits, ...heldOut.splits]), summary };
  } finally {
    await Promise.all([training.close(), heldOut.close()]);
  }
}
