import type { Measurement } from '../training/measurement.js';
import { batchesInOrder, batchesOf, type Dataset } from '@wbdc/data';
import {
  chooseClasses,
  countClasses,
  joinRows,
  judgeCategories,
  measuredCategories,
  mostFrequent,
  predictBatches,
  readCategoryBatch,
  writeCategories,
  type CategoryScores,
  type Predicted,
  type RareClasses,
} from '@wbdc/finetune';
import {
  finetuneFiles,
  writeCategoryScores,
  writeClasses,
  writeOutOfFold,
  writeProbabilities,
} from '@wbdc/finetune/node';
import { writeFileAtomic } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';
import type { CategoryScore } from '@wbdc/metrics';
import { disposeTree, partOf, type Encoder } from '@wbdc/nn';
import { describeModel } from '../saved/saved-model.js';
import { isRoot, paddedAlike } from '../training/ranks.js';
import { runTraining, type TrainingResult } from '../training/run.js';
import { categoryBaselinesOf } from './baselines.js';
import { baselineSource, savedFields, savedFiles, weightsKey } from './common.js';
import { takePart } from '../training/take-part.js';
import type { EncoderParams } from './encoder.js';
import { saveFinished } from './finished.js';
import { divideLabelled, type LabelledData } from './labelled.js';
import type { FinetuneConclusion, FinetuneOptions } from './options.js';
import { categoryRecipe, type CategoryRecipe } from './recipe.js';
import { startEncoder } from './start.js';

/** A model that is being finetuned, with what it learns from and is measured on. */
interface Running {
  readonly options: FinetuneOptions;
  readonly data: LabelledData;
  readonly rare: RareClasses;
  readonly recipe: CategoryRecipe;
  /** Scores of what needs no model, by name; measured once. */
  readonly baselines: () => Promise<Record<string, CategoryScore> | undefined>;
}

/** Category finetuning: measured on a fold, or on the held-out videos whose category is known. */
export async function finetuneCategory(
  options: FinetuneOptions,
  encoder: Encoder<EncoderParams>,
): Promise<TrainingResult<Measurement, FinetuneConclusion>> {
  const { settings, folder, communicator } = options;
  const data = await divideLabelled(options);
  const { averageBest, rareClass } = settings.finetune;
  assertMeasurable(data, averageBest);
  const files = finetuneFiles(folder);
  if (isRoot(options)) await writeClasses(files.classes, data.classes);
  const recipe = categoryRecipe(settings, encoder, data.classes.length, await weightsKey(options));
  try {
    await startEncoder(options, recipe.params.encoder);
    const counts = countClasses(
      data.train.map(({ category }) => category),
      data.classes,
    );
    const rare = { counts: [...counts], strength: rareClass };
    const train = { dataset: options.data.training, videos: data.train };
    let reached: ReturnType<Running['baselines']> | undefined;
    const baselines = () => (reached ??= categoryBaselinesOf(train, data.measured, baselineSource(options)));
    const running: Running = { options, data, rare, recipe, baselines };
    const favoured = rareClass > 0 && { rareClass: rare };
    const fields = { ...savedFields(options, recipe.head), classes: data.classes, ...favoured };
    const model = describeModel('category', fields);
    const kept = savedFiles(options, [files.classes]);
    return await runTraining({
      ...options,
      recipe,
      best: averageBest === null ? undefined : { count: averageBest, metric: 'score' },
      data: {
        lengths: data.examples.map(({ index }) => options.data.training.length(index)),
        read: async ({ indices, key, part }) => {
          const chosen = takePart(indices, part).map((i) => data.examples[i]);
          const read = await readCategoryBatch(options.data.training, chosen, key);
          if (!part || !communicator) return read;
          return { ...read, batch: await paddedAlike(read.batch, communicator), rows: partOf(indices.length, part) };
        },
      },
      evaluate: () => measure(running),
      model,
      files: kept,
      conclude: async ({ measurement, ...end }) => {
        const { params } = recipe;
        const saved = { folder, extractor: options.extractor, params, model, files: kept, ...end };
        return { ...(await saveFinished(saved)), ...(await conclude(running, measurement)) };
      },
    });
  } finally {
    disposeTree({ ...recipe.params });
  }
}

function assertMeasurable({ measured }: LabelledData, averageBest: number | null): void {
  if (averageBest === null || measured.videos.length > 0) return;
  throw new WbdcError({
    where: 'finetune.averageBest',
    expected: 'videos with a known category to choose the best by',
    got: 'none',
    advice: 'set finetune.folds',
  });
}

interface Judged extends Measurement {
  readonly scores: CategoryScores | undefined;
  /** Probabilities of the measured videos, and the categories chosen by them. */
  readonly values: Float32Array;
  readonly predicted: readonly string[];
}

/** Predicts the videos to measure on. */
async function measure(running: Running): Promise<Judged> {
  const { classes, train, measured } = running.data;
  const indices = measured.videos.map(({ index }) => index);
  const blocks: Float32Array[] = [];
  for await (const { values } of predicting(running, measured.dataset, indices)) blocks.push(values);
  const values = joinRows(blocks);
  const predicted = chooseClasses(values, classes, running.rare);
  const truth = measured.videos.map(({ category }) => category);
  const scores = judgeCategories(
    truth,
    predicted,
    mostFrequent(train.map(({ category }) => category)),
    await running.baselines(),
  );
  return { scores, measured: scores ? measuredCategories(scores) : {}, values, predicted };
}

/** Predicts some videos of a data set, or all of them. */
function predicting({ options, recipe }: Running, dataset: Dataset, rows?: readonly number[]) {
  const { batchSize } = recipe.settings;
  const batches = rows ? batchesOf(dataset, rows, batchSize) : batchesInOrder(dataset, batchSize);
  return predictBatches(batches, recipe.predict, options.signal);
}

/** Predicts the held-out videos and the splits of `finetune.predict`, and writes what was measured in full. */
async function conclude(running: Running, judged: Judged): Promise<Omit<FinetuneConclusion, 'model' | 'tower'>> {
  const { options, data } = running;
  const { folds, fold } = options.settings.finetune;
  const files = finetuneFiles(options.folder);
  const predictions = new Map<string, string>();
  await writeProbabilities(files.probabilities, choosing(running, predictHeldOut(running, judged), predictions));
  await writeFileAtomic(files.categories, writeCategories(predictions));
  const further = await predictFurther(running);
  if (folds !== null) {
    await writeOutOfFold(files.outOfFold, { ...data.measured, fold: Number(fold), ...judged });
  }
  await writeCategoryScores(files.scores, judged.scores);
  const { classes, train } = data;
  return {
    files,
    predicted: predictions.size,
    outOfFold: folds !== null,
    categories: { classes, labelled: train.length, scores: judged.scores, further },
  };
}

/** The held-out videos: as they were measured just now where those were all of them, in the same batches. */
function predictHeldOut(running: Running, { values }: Judged): AsyncIterable<Predicted> | Iterable<Predicted> {
  const { heldOut } = running.options.data;
  const { dataset, videos } = running.data.measured;
  if (dataset !== heldOut || videos.length !== heldOut.size || videos.length === 0) return predicting(running, heldOut);
  return [{ ids: videos.map(({ index }) => heldOut.id(index)), values }];
}

/** Notes the chosen class of every video that passes. */
async function* choosing(
  { data, rare }: Running,
  blocks: AsyncIterable<Predicted> | Iterable<Predicted>,
  predictions: Map<string, string>,
): AsyncGenerator<Predicted> {
  for await (const block of blocks) {
    chooseClasses(block.values, data.classes, rare).forEach((name, i) => predictions.set(block.ids[i], name));
    yield block;
  }
}

type Further = NonNullable<FinetuneConclusion['categories']>['further'];

async function predictFurther(running: Running): Promise<Further> {
  const { folder, data, settings } = running.options;
  const further: Further[number][] = [];
  for (const split of settings.finetune.predict) {
    if (data.open === undefined) {
      throw new WbdcError({ where: 'finetune.predict', expected: 'a way to open further splits', got: 'none' });
    }
    const dataset = await data.open(split);
    const path = finetuneFiles(folder).probabilitiesOf(split);
    await writeProbabilities(path, predicting(running, dataset));
    further.push({ split, path, videos: dataset.size });
  }
  return further;
}
