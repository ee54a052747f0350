import { basename } from 'node:path';
import { measuredCategories } from '@wbdc/finetune';
import { flattenMeasured } from '@wbdc/metrics';
import type { FinetuneConclusion, FinetunedFolds, FinetunedModel, FinetuneResult } from '@wbdc/pipeline/node';
import { counted, formatNumber } from '@wbdc/report/format';
import { besideText } from '@wbdc/report/progress';
import type { Artifact } from '../../run/stage.js';
import { trainedOf, type Conclusion, type Trained } from '../training.js';

/** The result of a finetuning in the words of a stage's. */
export function stageResultOf(result: FinetuneResult): Trained {
  if (result.kind === 'model') return modelResult(result);
  const { interrupted, folders } = result;
  if (interrupted) {
    const { summary, ...rest } = modelResult(interrupted.result);
    return { ...rest, summary: { fold: interrupted.fold, ...summary } };
  }
  const models = folders.map((path, fold) => ({ path, about: `the model without fold ${fold}` }));
  const { made, summary } = result.categories ? categoryFolds(result) : similarityFolds(result);
  return { status: 'complete', made: [...models, ...made], summary };
}

function modelResult(result: FinetunedModel): Trained {
  return trainedOf(result, result.conclusion && conclusionOf(result.conclusion));
}

function conclusionOf(conclusion: FinetuneConclusion): Conclusion {
  const { model, tower, files, categories } = conclusion;
  const saved: Artifact[] = [{ path: model, about: 'the finished model, for predict, embed and similar' }];
  if (tower !== undefined) {
    saved.push({ path: tower, about: 'the vision tower as it was trained, for --tower and features.tower' });
  }
  if (conclusion.tags) {
    const { count, labelled } = conclusion.tags;
    const tags = { path: files.tags, about: `tags of ${counted(conclusion.predicted, 'video')}` };
    const scores = { path: files.scores, about: 'what was measured, every tag with its threshold' };
    return { made: [...saved, tags, scores], summary: { tags: count, 'labelled videos': labelled } };
  }
  if (categories === undefined) return { made: [...saved, ...embeddingFiles(conclusion)], summary: {} };
  const { classes, labelled, further } = categories;
  const about = `of ${classes.length} categories, in the order of ${basename(files.classes)}`;
  const predicted: Artifact[] = [
    { path: files.categories, about: `categories of ${counted(conclusion.predicted, 'video')}, as submitted` },
    { path: files.probabilities, about },
    ...further.map(({ path, videos }) => {
      return { path, about: `probabilities of ${counted(videos, 'video')}, for finetune.distill` };
    }),
    ...(conclusion.outOfFold ? [{ path: files.outOfFold, about: 'predictions of the fold that was held out' }] : []),
    { path: files.scores, about: 'scores, confusion of level 1, every category' },
  ];
  return { made: [...saved, ...predicted], summary: { classes: classes.length, 'labelled videos': labelled } };
}

function embeddingFiles({ files, predicted, outOfFold }: FinetuneConclusion): Artifact[] {
  const pairs = 'cosines of the pairs of the fold that was held out';
  return [
    { path: files.embeddings, about: `embeddings of ${counted(predicted, 'video')}, as submitted` },
    ...(outOfFold ? [{ path: files.outOfFold, about: pairs }] : []),
    { path: files.scores, about: 'what was measured' },
  ];
}

function categoryFolds({ files, categories }: FinetunedFolds): Conclusion {
  const { scores, heldOut, counts } = categories!;
  const measured = measuredCategories(scores);
  const labelled = counted(counts.labelled, 'video');
  return {
    made: [
      { path: files.categories, about: `categories of ${counted(counts.predicted, 'video')} by the mean of all folds` },
      { path: files.probabilities, about: 'that mean' },
      { path: files.outOfFold, about: `${labelled}, each by the model that did not learn it` },
      { path: files.scores, about: 'out-of-fold scores, confusion of level 1, every category' },
    ],
    summary: {
      'out-of-fold score': besideText('score', measured['score']),
      ...(heldOut && {
        'held-out score of the mean': besideText('score', measuredCategories(heldOut)['score']),
      }),
      measured: flattenMeasured(measured),
    },
  };
}

function similarityFolds({ files, similarity }: FinetunedFolds): Conclusion {
  const { outOfFold, measured, heldOut, videos } = similarity!;
  return {
    made: [
      { path: files.embeddings, about: `embeddings of ${counted(videos, 'video')}, the folds' joined by SVD` },
      { path: files.outOfFold, about: 'pairs, each by the model that knows neither of their videos' },
      { path: files.scores, about: 'Spearman of every fold, and of the ensemble on held-out pairs' },
    ],
    summary: {
      'out-of-fold spearman, mean of the folds': besideText('spearman', measured),
      ...(heldOut !== undefined && { 'held-out spearman of the ensemble': formatNumber(heldOut) }),
      measured: { 'out-of-fold/spearman': outOfFold, ...(heldOut !== undefined && { spearman: heldOut }) },
    },
  };
}
