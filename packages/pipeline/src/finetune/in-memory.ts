import { serializeSafetensors } from '@wbdc/checkpoints';
import { CATEGORY_NAMES_FILE, collate, type Example } from '@wbdc/data/web';
import type { CategoryBatch } from '@wbdc/finetune';
import { WbdcError } from '@wbdc/io/errors';
import { disposeTree, flatten, floats, foldIn, randomKey, type Floats, type ParamTree } from '@wbdc/nn';
import { TOKENIZER_FILES } from '@wbdc/tokenizer';
import { adamW, trainLoop, warmupCosine, type StepRecord } from '@wbdc/train';
import type { Variable } from '@tensorflow/tfjs';
import type { Observer } from '../observer.js';
import { describeModel } from '../saved/saved-model.js';
import { finetuneSchema } from '../settings/finetune.js';
import { entriesOf, tableOf } from '../trained/entries.js';
import type { FeaturesInput } from '../trained/inputs.js';
import { CONFIG_FILE, WEIGHTS_FILE, type ModelBytes, type ModelFiles } from '../trained/model-files.js';
import { exampleMaker } from '../trained/predict.js';
import { readModel, type ReadModel } from '../trained/read-model.js';
import { batchOrder } from '../training/order.js';
import { finetuneEncoder, type EncoderParams } from './encoder.js';
import { categoryRecipe, type CategoryRecipe } from './recipe.js';

/** A video to learn from: its features, its texts, and what it is. */
export type LabelledInput = FeaturesInput & {
  /** Any name; of four digits where names or level 1 are wanted. */
  readonly category: string;
};

export interface FinetuneInMemoryOptions {
  /** Updates; 200. */
  readonly steps?: number;
  /** Videos of an update, of more than there are all; 16. */
  readonly batchSize?: number;
  /** Of all parameters, at its highest; 1e-3, for models of a few million parameters. */
  readonly learningRate?: number;
  /** Share of the steps over which it rises; 0.1. */
  readonly warmup?: number;
  /** Decides every random choice; 1. */
  readonly seed?: number;
  /** Told where the files of the model's tokenizer contradict each other. */
  readonly observer?: Observer;
  /** Told of every step. */
  readonly onStep?: (record: StepRecord) => void;
  /** Aborting ends after the current step, with the model as it is then. */
  readonly signal?: AbortSignal | undefined;
}

/** A model that was finetuned where it was opened. */
export interface FinetunedInMemory {
  /** Its files, for `openTrained`: no vision tower is among them, that of the first model is its own. */
  readonly files: ModelBytes;
  /** Categories, in the order of its outputs. */
  readonly classes: readonly string[];
  /** Updates done. */
  readonly step: number;
  /** Whether the signal ended it. */
  readonly interrupted: boolean;
}

/**
 * Finetunes a model for categories on videos in memory: no file is read or written, so that it works in a page too. The
 * same videos, options and engine give the same model to the last bit.
 *
 * @throws WbdcError where there are fewer than two categories, or an option is no number that means something
 */
export async function finetuneFiles(
  files: ModelFiles,
  videos: readonly LabelledInput[],
  options: FinetuneInMemoryOptions = {},
): Promise<FinetunedInMemory> {
  const { steps = 200, seed = 1, onStep, signal } = options;
  const settings = settingsOf(options, videos.length);
  const classes = classesOf(videos);
  const start = await readModel(files, options.observer ?? {});
  const { saved, sizes } = start;
  const encoder = finetuneEncoder({ model: saved.sizes, frames: saved.frames }, sizes);
  const key = randomKey(seed);
  const recipe = categoryRecipe(
    { model: saved.sizes, finetune: settings },
    encoder,
    classes.length,
    foldIn(key, 'init'),
  );
  const optimizer = adamW(recipe.params, { ...recipe.rules, epsilon: settings.epsilon });
  try {
    copyValues(start.params.encoder, recipe.params.encoder);
    const { examples, labels } = await readExamples(start, videos, classes);
    const lengths = examples.map(({ tokens }) => tokens.length);
    const order = batchOrder({ lengths, batchSize: settings.batchSize, seed, rest: 'drop' }, key);
    const { step, interrupted } = await trainLoop<CategoryBatch>({
      ...{ params: recipe.params, optimizer, totalSteps: steps, key: foldIn(key, 'loss') },
      batchAt: async (index) => {
        const { indices } = order.at(index);
        const batch = collate(indices.map((i) => examples[i]));
        return { batch, labels: indices.map((i) => labels[i]), weights: indices.map(() => 1) };
      },
      ...{ loss: recipe.loss, ids: recipe.ids, gradients: recipe.gradients },
      schedule: (done) => warmupCosine(done, steps, Math.round(settings.warmup * steps)),
      clipNorm: settings.clipNorm ?? Infinity,
      sinks: [{ write: async (record) => (record.type === 'step' ? onStep?.(record) : undefined) }],
      ...(signal && { signal }),
    });
    return { files: await filesOf(files, start, recipe, classes), classes, step, interrupted };
  } finally {
    optimizer.dispose();
    disposeTree({ ...recipe.params });
    disposeTree(start.params);
  }
}

function settingsOf(
  { steps = 200, batchSize = 16, learningRate = 1e-3, warmup = 0.1 }: FinetuneInMemoryOptions,
  videos: number,
) {
  const where = 'finetuneInMemory';
  if (!Number.isSafeInteger(steps) || steps < 1) {
    throw new WbdcError({ where, expected: 'a whole number of steps from 1 up', got: String(steps) });
  }
  const given = { kind: 'category', learningRate, warmup, rules: [], batchSize: Math.min(batchSize, videos) };
  const { data, error } = finetuneSchema.safeParse(given);
  if (data !== undefined) return data;
  const got = error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');
  throw new WbdcError({ where, expected: 'videos, and options that make sense', got });
}

function classesOf(videos: readonly LabelledInput[]): string[] {
  const classes = [...new Set(videos.map(({ category }) => category))].sort();
  const bad = classes.find((name) => name.trim() === '' || /[\r\n]/.test(name));
  if (bad !== undefined) {
    const [where, expected] = ['finetuneInMemory', 'a category with a name of one line'];
    throw new WbdcError({ where, expected, got: JSON.stringify(bad).slice(0, 60) });
  }
  if (classes.length > 1) return classes;
  const expected = 'videos of two categories or more';
  const got = classes.length === 0 ? 'none' : `${videos.length} of ${classes[0]} alone`;
  throw new WbdcError({ where: 'finetuneInMemory', expected, got });
}

/** The videos as the model reads them, and the places of their categories. */
async function readExamples(start: ReadModel, videos: readonly LabelledInput[], classes: readonly string[]) {
  const places = new Map(classes.map((name, i) => [name, i]));
  const toExample = exampleMaker(start);
  const examples: Example[] = [];
  for await (const entry of entriesOf(oneByOne(videos))) {
    const { features } = entry.input as FeaturesInput;
    examples.push(toExample(entry, tableOf(features, start.sizes.frameSize, entry.id)));
  }
  return { examples, labels: videos.map(({ category }) => places.get(category)!) };
}

async function* oneByOne<T>(items: Iterable<T>): AsyncGenerator<T> {
  yield* items;
}

/** Gives the variables of a tree the values of another one of the same form. */
function copyValues(from: ParamTree, to: EncoderParams): void {
  const values = new Map(flatten(from).map(({ path, leaf }) => [path, leaf]));
  for (const { path, leaf } of flatten({ ...to })) (leaf as Variable).assign(values.get(path)!);
}

/** The files of the finetuned model: description, weights, tokenizer, names. */
async function filesOf(
  files: ModelFiles,
  { saved: { sizes, text, frames, features } }: ReadModel,
  { params, head }: CategoryRecipe,
  classes: readonly string[],
): Promise<ModelBytes> {
  const saved = describeModel('category', { sizes, text, frames, features, head, ema: null, classes });
  const tensors: Record<string, Floats> = {};
  for (const { path, leaf } of flatten({ ...params })) {
    tensors[path] = floats(leaf.shape, await leaf.data<'float32'>());
  }
  const utf8 = new TextEncoder();
  const made: Record<string, Uint8Array> = {
    [CONFIG_FILE]: utf8.encode(JSON.stringify(saved)),
    [WEIGHTS_FILE]: serializeSafetensors(tensors),
  };
  for (const name of [...TOKENIZER_FILES, CATEGORY_NAMES_FILE]) {
    const contents = await files.readText(name);
    if (contents !== undefined) made[name] = utf8.encode(contents);
  }
  return made;
}
