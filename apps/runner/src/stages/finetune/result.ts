import { describeFinetuned, describeFolds, type FinetuneResult } from '@wbdc/pipeline/node';
import { trainedOf, type Trained } from '../training.js';

/** The result of a finetuning in the words of a stage's. */
export function stageResultOf(result: FinetuneResult): Trained {
  if (result.kind === 'model') return trainedOf(result, result.conclusion && describeFinetuned(result.conclusion));
  if (!result.interrupted) return { status: 'complete', ...describeFolds(result) };
  const { fold, result: last } = result.interrupted;
  const { summary, ...rest } = stageResultOf(last);
  return { ...rest, summary: { fold, ...summary } };
}
