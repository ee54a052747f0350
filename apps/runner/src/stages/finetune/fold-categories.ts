import { measuredCategories } from '@wbdc/finetune';
import { combineCategoryFolds, finetuneFiles } from '@wbdc/finetune/node';
import { counted, formatNumber } from '../../format.js';
import type { StageContext } from '../../stage.js';
import type { Conclusion } from '../training.js';
import { heldOutTruth } from './category-data.js';

/** Gathers out-of-fold predictions and averages what the folds' models say of the other splits. */
export async function combineCategories(context: StageContext, folders: readonly string[]): Promise<Conclusion> {
  const { predict, rareClass } = context.config.finetune;
  const { folder } = context;
  const files = finetuneFiles(folder);
  const truth = await heldOutTruth(context);
  const { scores, heldOut, counts } = await combineCategoryFolds({
    folds: folders,
    folder,
    splits: predict,
    rareClass,
    truth,
  });
  const measured = Object.entries(measuredCategories(scores)).map(([name, { value }]) => [name, value]);
  return {
    made: [
      { path: files.categories, about: `categories of ${counted(counts.predicted, 'video')} by the mean of all folds` },
      { path: files.probabilities, about: 'that mean' },
      {
        path: files.outOfFold,
        about: `${counted(counts.labelled, 'video')}, each by the model that did not learn it`,
      },
      { path: files.scores, about: 'out-of-fold scores, confusion of level 1, every category' },
    ],
    summary: {
      'out-of-fold score': formatNumber(scores.score.mean),
      ...(heldOut && { 'held-out score of the mean': formatNumber(heldOut.score.mean) }),
      measured: Object.fromEntries(measured),
    },
  };
}
