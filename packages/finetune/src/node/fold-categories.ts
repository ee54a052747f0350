import { writeFileAtomic } from '@wbdc/io';
import type { CategoryScore } from '@wbdc/metrics';
import { chooseClasses, countClasses } from '../prediction.js';
import { judgeCategories, mostFrequent, type CategoryScores } from '../judging.js';
import type { Predicted } from '../predicted.js';
import { writeCategories } from '../submission.js';
import { finetuneFiles } from './files.js';
import { readClasses, writeClasses } from './labels.js';
import { readOutOfFold, type OutOfFold } from './out-of-fold.js';
import { combineProbabilityFiles, writeProbabilities } from './probabilities.js';
import { writeCategoryScores } from './scores.js';

export interface CombineCategoriesOptions {
  /** Folders of the folds' models, each as a finetuning left it. */
  readonly folds: readonly string[];
  /** Where the same files of them together go. */
  readonly folder: string;
  /** Further splits that every fold has predicted. */
  readonly splits?: readonly string[];
  /** Favours rare classes: see `favourRareClasses`. 0 leaves the probabilities as they are. */
  readonly rareClass?: number;
  /** Categories of the held-out videos by id, where they are known. */
  readonly truth?: ReadonlyMap<string, string>;
  /** Scores on the labelled videos, out of fold, of what needs no model, by name. */
  readonly outOfFoldBaselines?: Readonly<Record<string, CategoryScore>> | undefined;
  /** Scores on the held-out videos of what needs no model, by name. */
  readonly baselines?: Readonly<Record<string, CategoryScore>> | undefined;
}

export interface CombinedCategories {
  /** Of every labelled video by the model that did not learn it. */
  readonly scores: CategoryScores;
  /** Of the mean of the folds on the held-out videos; nothing without their truth. */
  readonly heldOut: CategoryScores | undefined;
  /** Labelled videos, and held-out ones that were predicted. */
  readonly counts: { readonly labelled: number; readonly predicted: number };
}

/** Gathers out-of-fold predictions and averages what the folds' models say of the other videos. */
export async function combineCategoryFolds(options: CombineCategoriesOptions): Promise<CombinedCategories> {
  const { folds, folder, splits = [], rareClass = 0, truth = new Map<string, string>() } = options;
  const files = finetuneFiles(folder);
  const members = folds.map(finetuneFiles);
  const classes = await readClasses(members[0].classes);
  await writeClasses(files.classes, classes);
  const rows = await gatherOutOfFold(
    members.map(({ outOfFold }) => outOfFold),
    files.outOfFold,
  );
  const labels = rows.map(({ category }) => category);
  const predictions = new Map<string, string>();
  const rare = { counts: countClasses(labels, classes), strength: rareClass };
  const choosing = async function* (blocks: AsyncIterable<Predicted>): AsyncGenerator<Predicted> {
    for await (const block of blocks) {
      chooseClasses(block.values, classes, rare).forEach((name, i) => predictions.set(block.ids[i], name));
      yield block;
    }
  };
  const mean = combineProbabilityFiles(members.map(({ probabilities }) => probabilities));
  await writeProbabilities(files.probabilities, choosing(mean));
  await writeFileAtomic(files.categories, writeCategories(predictions));
  for (const split of splits) {
    const paths = members.map(({ probabilitiesOf }) => probabilitiesOf(split));
    await writeProbabilities(files.probabilitiesOf(split), combineProbabilityFiles(paths));
  }
  const majority = mostFrequent(labels);
  const scores = judgeCategories(
    labels,
    rows.map(({ predicted }) => predicted),
    majority,
    options.outOfFoldBaselines,
  )!; // there are rows: mostFrequent has thrown otherwise
  const heldOut = judgeHeldOut(truth, predictions, majority, options.baselines);
  await writeCategoryScores(files.scores, scores, { scores: heldOut });
  return { scores, heldOut, counts: { labelled: rows.length, predicted: predictions.size } };
}

/** The lines of all folds in one file; gives what is needed to judge them. */
async function gatherOutOfFold(
  paths: readonly string[],
  path: string,
): Promise<Pick<OutOfFold, 'category' | 'predicted'>[]> {
  const rows: Pick<OutOfFold, 'category' | 'predicted'>[] = [];
  const lines = async function* (): AsyncGenerator<string> {
    for (const from of paths) {
      for await (const row of readOutOfFold(from)) {
        rows.push({ category: row.category, predicted: row.predicted });
        yield `${JSON.stringify(row)}\n`;
      }
    }
  };
  await writeFileAtomic(path, lines());
  return rows;
}

function judgeHeldOut(
  truth: ReadonlyMap<string, string>,
  predictions: ReadonlyMap<string, string>,
  majority: string,
  baselines?: Readonly<Record<string, CategoryScore>>,
): CategoryScores | undefined {
  const known = [...truth].filter(([id]) => predictions.has(id));
  return judgeCategories(
    known.map(([, category]) => category),
    known.map(([id]) => predictions.get(id)!),
    majority,
    baselines,
  );
}
