import { combineSimilarityFolds, finetuneFiles } from '@wbdc/finetune/node';
import { counted, formatNumber } from '../../format.js';
import type { StageContext } from '../../stage.js';
import type { Conclusion } from '../training.js';
import { heldOutPairs } from './pairs.js';

/** Gathers out-of-fold cosines and joins the folds' embeddings of the held-out splits. */
export async function combineSimilarity(context: StageContext, folders: readonly string[]): Promise<Conclusion> {
  const { folder, output } = context;
  const files = finetuneFiles(folder);
  const pairs = await heldOutPairs(context);
  const onWarning = (line: string): void => output.warn(line);
  const { outOfFold, heldOut, videos } = await combineSimilarityFolds({ folds: folders, folder, pairs, onWarning });
  return {
    made: [
      { path: files.embeddings, about: `embeddings of ${counted(videos, 'video')}, the folds' joined by SVD` },
      { path: files.outOfFold, about: 'pairs, each by the model that knows neither of their videos' },
      { path: files.scores, about: 'Spearman of every fold, and of the ensemble on held-out pairs' },
    ],
    summary: {
      'out-of-fold spearman, mean of the folds': formatNumber(outOfFold),
      ...(heldOut !== undefined && { 'held-out spearman of the ensemble': formatNumber(heldOut) }),
      measured: { 'out-of-fold/spearman': outOfFold, ...(heldOut !== undefined && { spearman: heldOut }) },
    },
  };
}
