import { batchesOf, batchesInOrder, type Dataset } from '@wbdc/data';
import { chooseThresholds, decideTags, groupsOf, joinRows, predictBatches } from '@wbdc/finetune';
import { finetuneFiles } from '@wbdc/finetune/node';
import { writeFileAtomic, writeJson } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';
import { besideBaselines, characterOverlap, meanAveragePrecision, multilabelF1 } from '@wbdc/metrics';
import { disposeTree, foldIn, partOf, randomKey, uniform, type Encoder } from '@wbdc/nn';
import { describeModel } from '../saved/saved-model.js';
import { describeTags } from '../trained/describe.js';
import { taggedRow } from '../trained/rows.js';
import type { Measurement } from '../training/measurement.js';
import { paddedAlike } from '../training/ranks.js';
import { takePart } from '../training/take-part.js';
import { goesOn, runTraining, type TrainingResult } from '../training/run.js';
import { savedFields, savedFiles, weightsKey } from './common.js';
import type { EncoderParams } from './encoder.js';
import { saveFinished } from './finished.js';
import type { FinetuneConclusion, FinetuneOptions, TagScores } from './options.js';
import { tagRecipe, type TagRecipe } from './recipe.js';
import { pretrainedTags, startEncoder } from './start.js';

/** Videos by their indices in a data set. */
interface Chosen {
  readonly dataset: Dataset;
  readonly indices: readonly number[];
}

/** A model that is being finetuned, with what it learns from and is measured on. */
interface Running {
  readonly options: FinetuneOptions;
  readonly train: Chosen;
  readonly measured: Chosen;
  readonly tags: readonly string[];
  readonly recipe: TagRecipe;
}

/** Tag finetuning: measured, and its thresholds chosen, on a fold, or on the held-out videos that have tags. */
export async function finetuneTags(
  options: FinetuneOptions,
  encoder: Encoder<EncoderParams>,
): Promise<TrainingResult<Measurement, FinetuneConclusion>> {
  const { settings, folder } = options;
  const { averageBest, tags: asked } = settings.finetune;
  const start = asked.head === 'pretrain' ? await pretrainedTags(options.init) : undefined;
  const tags = tagsOf(options, start?.tags);
  const { train, measured } = divide(options);
  assertMeasurable(measured, averageBest);
  const recipe = tagRecipe(settings, encoder, tags.length, await weightsKey(options), start?.form);
  try {
    await startEncoder(options, recipe.params.encoder);
    if (start !== undefined && !(await goesOn(options))) {
      await start.load(recipe.params.head);
      options.observer?.onMessage?.(`the head of ${tags.length} tags starts from the pretraining's`);
    }
    const running: Running = { options, train, measured, tags, recipe };
    const fields = { ...savedFields(options, recipe.head), head: recipe.head, tags, thresholds: [] };
    const model = describeModel('tags', fields);
    const files = savedFiles(options);
    return await runTraining({
      ...options,
      recipe,
      best: averageBest === null ? undefined : { count: averageBest, metric: 'mAP' },
      data: {
        lengths: train.indices.map((index) => train.dataset.length(index)),
        read: async ({ indices, key, part }) => {
          const chosen = takePart(indices, part).map((i) => train.indices[i]);
          const batch = await train.dataset.batch(chosen, key);
          if (!part || !options.communicator) return { batch };
          return { batch: await paddedAlike(batch, options.communicator), rows: partOf(indices.length, part) };
        },
      },
      evaluate: () => measure(running),
      model,
      files,
      conclude: async ({ measurement, ...end }) => {
        const finished = describeModel('tags', { ...fields, thresholds: measurement.thresholds });
        const { extractor } = options;
        const saved = await saveFinished({ folder, extractor, params: recipe.params, model: finished, files, ...end });
        return { ...saved, ...(await conclude(running, measurement)) };
      },
    });
  } finally {
    disposeTree({ ...recipe.params });
  }
}

/** The tags of the data set, which are those of the pretraining where the head is. */
function tagsOf({ data: { training } }: FinetuneOptions, pretrained: readonly string[] | undefined): readonly string[] {
  const { tags } = training;
  if (tags.length === 0) {
    throw new WbdcError({ where: 'finetune.splits', expected: 'videos with tags', got: 'none' });
  }
  if (pretrained === undefined || pretrained.join('\n') === tags.join('\n')) return tags;
  const expected = `a data set with the ${pretrained.length} tags of the pretraining, in their order`;
  throw new WbdcError({ where: 'finetune.tags.head', expected, got: `one with ${tags.length} tags of its own` });
}

/** Videos with tags: by fold, or all to learn from and the held-out ones to measure on. */
function divide({ settings, data, observer }: FinetuneOptions): { train: Chosen; measured: Chosen } {
  const { folds, fold, splits } = settings.finetune;
  const { training, heldOut } = data;
  const labelled = taggedIn(training);
  if (labelled.length === 0) {
    const expected = `videos with tags in ${splits.join(', ')}`;
    throw new WbdcError({ where: 'finetune.splits', expected, got: 'none' });
  }
  if (folds === null) {
    const known = taggedIn(heldOut);
    if (known.length === 0) {
      observer?.onWarning?.('no tags of the held-out videos: nothing is measured, thresholds are 1/2; or set folds');
    }
    return {
      train: { dataset: training, indices: labelled },
      measured: { dataset: heldOut, indices: known },
    };
  }
  const groups = groupsOf(training, data.groups);
  const key = foldIn(randomKey(0), 'folds'); // of no seed: models of several folds cover every video once
  const foldOf = (index: number): number => {
    const id = training.id(index);
    return Math.floor(uniform(foldIn(key, groups.get(id) ?? id), 0) * folds);
  };
  return {
    train: { dataset: training, indices: labelled.filter((index) => foldOf(index) !== Number(fold)) },
    measured: { dataset: training, indices: labelled.filter((index) => foldOf(index) === Number(fold)) },
  };
}

function taggedIn(dataset: Dataset): number[] {
  const all = Array.from({ length: dataset.size }, (_, index) => index);
  return all.filter((index) => (dataset.text(index).tags ?? []).length > 0);
}

function assertMeasurable({ indices }: Chosen, averageBest: number | null): void {
  if (averageBest === null || indices.length > 0) return;
  const [where, expected] = ['finetune.averageBest', 'videos with known tags to choose the best by'];
  throw new WbdcError({ where, expected, got: 'none', advice: 'set finetune.folds' });
}

interface Judged extends Measurement {
  readonly scores: TagScores | undefined;
  readonly thresholds: readonly number[];
}

/**
 * Predicts the videos to measure on. F1 is by thresholds that are chosen on the same videos, as are those of the
 * baselines: how well each orders the videos, not what new ones will give.
 */
async function measure({ options, train, measured, tags, recipe }: Running): Promise<Judged> {
  const { dataset, indices } = measured;
  const size = { rows: indices.length, columns: tags.length };
  if (size.rows === 0) return { scores: undefined, measured: {}, thresholds: [] };
  const batches = batchesOf(dataset, indices, recipe.settings.batchSize);
  const blocks: Float32Array[] = [];
  for await (const { values } of predictBatches(batches, recipe.predict, options.signal)) blocks.push(values);
  const probabilities = joinRows(blocks);
  const truth = truthOf(measured, tags.length);
  const counts = truthOf(train, tags.length).reduce((sums, value, i) => {
    sums[i % tags.length] += value;
    return sums;
  }, new Float64Array(tags.length));
  const frequencies = probabilities.map((_, i) => counts[i % tags.length] / train.indices.length);
  const overlaps = await overlapsOf(options, measured, tags);
  const judge = (scores: ArrayLike<number>) => {
    const thresholds = chooseThresholds(truth, scores, size);
    const f1 = multilabelF1(truth, decideTags(scores, thresholds), size);
    const mAP = meanAveragePrecision(truth, scores, size);
    return { thresholds, f1, values: [mAP, meanAveragePrecision(truth, scores, size, 'rows'), f1.micro, f1.macro] };
  };
  const [own, frequency, overlap] = [probabilities, frequencies, overlaps].map(judge);
  const beside = (i: number) =>
    besideBaselines(own.values[i], {
      'tag frequency': frequency.values[i],
      'character overlap': overlap.values[i],
    });
  const all = { mAP: beside(0), 'video mAP': beside(1), 'micro F1': beside(2), 'macro F1': beside(3) };
  const perTag = tags.map((tag, k) => ({
    tag,
    support: indices.reduce((sum, _, row) => sum + truth[row * tags.length + k], 0),
    threshold: own.thresholds[k],
    f1: own.f1.perLabel[k],
  }));
  return { scores: { videos: size.rows, measured: all, perTag }, measured: all, thresholds: [...own.thresholds] };
}

/** 1 where a video has a tag `[N, T]`. */
function truthOf({ dataset, indices }: Chosen, count: number): Float32Array {
  const truth = new Float32Array(indices.length * count);
  indices.forEach((index, row) => {
    for (const tag of dataset.text(index).tags ?? []) truth[row * count + tag] = 1;
  });
  return truth;
}

/** How many characters of a video's texts and a tag's name are the same `[N, T]`. */
async function overlapsOf(
  { tokenizer, data }: FinetuneOptions,
  { dataset, indices }: Chosen,
  tags: readonly string[],
): Promise<Float32Array> {
  const plain = await data.texts?.(new Set(indices.map((index) => dataset.id(index))));
  return Float32Array.from(
    indices.flatMap((index) => {
      const tokens = (): string => tokenizer.decode(Array.from(dataset.text(index).tokens));
      const text = plain?.get(dataset.id(index))?.texts ?? tokens();
      return tags.map((tag) => characterOverlap(text, tag));
    }),
  );
}

/** Predicts the held-out videos, and writes what was measured in full. */
async function conclude({ options, train, tags, recipe }: Running, { scores, thresholds }: Judged) {
  const files = finetuneFiles(options.folder);
  const { heldOut } = options.data;
  const batches = batchesInOrder(heldOut, recipe.settings.batchSize);
  const lines = async function* (): AsyncGenerator<string> {
    for await (const { ids, values } of predictBatches(batches, recipe.predict, options.signal)) {
      for (const [i, id] of ids.entries()) {
        const row = describeTags(values.subarray(i * tags.length, (i + 1) * tags.length), tags, { thresholds });
        yield `${JSON.stringify({ id, ...taggedRow({ tags: row.filter(({ chosen }) => chosen) }) })}\n`;
      }
    }
  };
  await writeFileAtomic(files.tags, lines());
  await writeJson(files.scores, { ...scores });
  return {
    files,
    predicted: heldOut.size,
    outOfFold: false,
    tags: { count: tags.length, labelled: train.indices.length, scores },
  };
}
