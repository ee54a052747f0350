import { basename } from 'node:path';
import { measuredCategories } from '@wbdc/finetune';
import { flattenMeasured, type Measured } from '@wbdc/metrics';
import { counted, formatNumber } from '@wbdc/report/format';
import { besideText } from '@wbdc/report/progress';
import type { FinetuneConclusion, FinetunedFolds } from './options.js';

/** What a finetuning leaves, in words. */
export interface DescribedFinetuning {
  readonly made: readonly { readonly path: string; readonly about: string }[];
  /** By what they are called; measurements as numbers under `measured`. */
  readonly summary: Readonly<Record<string, string | number | Readonly<Record<string, number>>>>;
}
type Made = DescribedFinetuning['made'][number];

/** What a model leaves besides checkpoints and metrics. */
export function describeFinetuned(conclusion: FinetuneConclusion): DescribedFinetuning {
  const { model, tower, files, categories } = conclusion;
  const use = categories ? 'predict' : conclusion.tags ? 'tag' : 'embed, similar and index';
  const saved: Made[] = [{ path: model, about: `the finished model, for ${use}` }];
  if (tower !== undefined) {
    saved.push({ path: tower, about: 'the vision tower as it was trained, for --tower and features.tower' });
  }
  if (conclusion.tags) {
    const { count, labelled } = conclusion.tags;
    const tags = { path: files.tags, about: `tags of ${counted(conclusion.predicted, 'video')}` };
    const scores = { path: files.scores, about: 'what was measured, every tag with its threshold' };
    const all = { path: files.tagProbabilities, about: `of all tags, in the order of ${basename(files.tagList)}` };
    const folds = conclusion.outOfFold
      ? [{ path: files.outOfFold, about: 'predictions of the fold that was held out' }]
      : [];
    return { made: [...saved, tags, all, ...folds, scores], summary: { tags: count, 'labelled videos': labelled } };
  }
  if (categories === undefined) return { made: [...saved, ...embeddingFiles(conclusion)], summary: {} };
  const { classes, labelled, further } = categories;
  const about = `of ${classes.length} categories, in the order of ${basename(files.classes)}`;
  const predicted: Made[] = [
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

function embeddingFiles({ files, predicted, outOfFold, mined }: FinetuneConclusion): Made[] {
  const pairs = 'cosines of the pairs of the fold that was held out';
  return [
    { path: files.embeddings, about: `embeddings of ${counted(predicted, 'video')}, as submitted` },
    ...(mined ? [{ path: files.mined, about: 'the hard negatives that were mined' }] : []),
    ...(outOfFold ? [{ path: files.outOfFold, about: pairs }] : []),
    { path: files.scores, about: 'what was measured' },
  ];
}

/** What the models of all folds leave together. */
export function describeFolds(result: FinetunedFolds): DescribedFinetuning {
  const models = result.folders.map((path, fold) => ({ path, about: `the model without fold ${fold}` }));
  const described = result.categories ? categoryFolds : result.tags ? tagFolds : similarityFolds;
  const { made, summary } = described(result);
  return { made: [...models, ...made], summary };
}

function categoryFolds({ files, categories }: FinetunedFolds): DescribedFinetuning {
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

function similarityFolds({ files, similarity }: FinetunedFolds): DescribedFinetuning {
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

function tagFolds({ files, tags }: FinetunedFolds): DescribedFinetuning {
  const { scores, heldOut, counts } = tags!;
  const beside = (name: string, measured: Readonly<Record<string, Measured>>): Record<string, string> =>
    Object.fromEntries(Object.entries(measured).map(([key, one]) => [`${name} ${key}`, besideText(key, one)]));
  return {
    made: [
      { path: files.tags, about: `tags of ${counted(counts.predicted, 'video')} by the mean of all folds` },
      { path: files.tagProbabilities, about: `that mean, in the order of ${basename(files.tagList)}` },
      { path: files.outOfFold, about: `${counted(counts.labelled, 'video')}, each by the model that did not learn it` },
      { path: files.scores, about: 'out-of-fold scores, every tag with its threshold' },
    ],
    summary: {
      ...beside('out-of-fold', scores.measured),
      ...(heldOut && beside('held-out, of the mean,', heldOut.measured)),
      measured: flattenMeasured(scores.measured),
    },
  };
}
