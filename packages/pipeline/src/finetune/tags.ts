import { batchesOf, batchesInOrder } from '@wbdc/data';
import { joinRows, predictBatches, type Predicted } from '@wbdc/finetune';
import { finetuneFiles, writeClasses, writeOutOfFoldTags, writeProbabilities } from '@wbdc/finetune/node';
import { writeFileAtomic, writeJson } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';
import { disposeTree, partOf, type Encoder } from '@wbdc/nn';
import { describeModel } from '../saved/saved-model.js';
import { describeTags } from '../trained/describe.js';
import { taggedRow } from '../trained/rows.js';
import type { Measurement } from '../training/measurement.js';
import { paddedAlike } from '../training/ranks.js';
import { takePart } from '../training/take-part.js';
import { goesOn, runTraining, type TrainingResult } from '../training/run.js';
import { savedFields, savedFiles, weightsKey } from './common.js';
import { divideTagged, frequenciesOf, type Chosen } from './divide-tagged.js';
import type { EncoderParams } from './encoder.js';
import { saveFinished } from './finished.js';
import { judgeTags, repeated } from './judge-tags.js';
import type { FinetuneConclusion, FinetuneOptions, TagScores } from './options.js';
import { tagRecipe, type TagRecipe } from './recipe.js';
import { pretrainedTags, startEncoder } from './start.js';

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
  const { train, measured } = divideTagged(options);
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

function assertMeasurable({ indices }: Chosen, averageBest: number | null): void {
  if (averageBest === null || indices.length > 0) return;
  const [where, expected] = ['finetune.averageBest', 'videos with known tags to choose the best by'];
  throw new WbdcError({ where, expected, got: 'none', advice: 'set finetune.folds' });
}

interface Judged extends Measurement {
  readonly scores: TagScores | undefined;
  readonly thresholds: readonly number[];
  /** Of the measured videos `[N, T]`. */
  readonly probabilities: Float32Array;
}

/** Predicts the videos to measure on. */
async function measure({ options, train, measured, tags, recipe }: Running): Promise<Judged> {
  const { dataset, indices } = measured;
  const rows = indices.length;
  if (rows === 0) return { scores: undefined, measured: {}, thresholds: [], probabilities: new Float32Array(0) };
  const batches = batchesOf(dataset, indices, recipe.settings.batchSize);
  const blocks: Float32Array[] = [];
  for await (const { values } of predictBatches(batches, recipe.predict, options.signal)) blocks.push(values);
  const probabilities = joinRows(blocks);
  const frequencies = repeated(frequenciesOf(train, tags.length), rows);
  const { scores, thresholds } = await judgeTags(options, { videos: measured, tags, probabilities, frequencies });
  return { scores, measured: scores.measured, thresholds: thresholds.model, probabilities };
}

/** Predicts the held-out videos, and writes what was measured in full; of a fold what they are combined of, too. */
async function conclude({ options, train, measured, tags, recipe }: Running, judged: Judged) {
  const { folds, fold } = options.settings.finetune;
  const { scores, thresholds, probabilities } = judged;
  const files = finetuneFiles(options.folder);
  const { heldOut } = options.data;
  const predicting = (): AsyncGenerator<Predicted> =>
    predictBatches(batchesInOrder(heldOut, recipe.settings.batchSize), recipe.predict, options.signal);
  await writeClasses(files.tagList, tags);
  const lines: string[] = [];
  await writeProbabilities(files.tagProbabilities, noting(predicting(), tags, thresholds, lines));
  await writeFileAtomic(files.tags, lines.join(''));
  if (folds !== null) {
    const { dataset, indices } = measured;
    const ids = indices.map((index) => dataset.id(index));
    const known = new Map(indices.map((index, i) => [ids[i], dataset.text(index).tags ?? []]));
    await writeOutOfFoldTags(files.outOfFold, { ids, values: probabilities }, Number(fold), (id) =>
      known.get(id)!.map((tag) => tags[tag]),
    );
  }
  await writeJson(files.scores, { ...scores });
  return {
    files,
    predicted: heldOut.size,
    outOfFold: folds !== null,
    tags: { count: tags.length, labelled: train.indices.length, scores },
  };
}

/** Notes lines `{id, tags}` of what passes: of the tags that reach their thresholds. */
export async function* noting(
  blocks: AsyncIterable<Predicted>,
  tags: readonly string[],
  thresholds: readonly number[],
  lines: string[],
): AsyncGenerator<Predicted> {
  for await (const block of blocks) {
    lines.push(...linesOf(block, tags, thresholds));
    yield block;
  }
}

function linesOf({ ids, values }: Predicted, tags: readonly string[], thresholds: readonly number[]): string[] {
  return ids.map((id, i) => {
    const all = describeTags(values.subarray(i * tags.length, (i + 1) * tags.length), tags, { thresholds });
    return `${JSON.stringify({ id, ...taggedRow({ tags: all.filter(({ chosen }) => chosen) }) })}\n`;
  });
}
