import { readDistinctVideos, wbdcLayout, type FeatureSource } from '@wbdc/data';
import type { Predictions } from '@wbdc/finetune/node';
import type { TrainedInput } from '../trained/inputs.js';
import type { TrainedModel } from '../trained/trained-model.js';

interface PredictSplitOptions {
  readonly model: TrainedModel;
  readonly name: string;
  readonly annotations: string;
  /** Of the videos; without them their frames are read from the WBDC layout at `root`, or from `frames`. */
  readonly features: FeatureSource | undefined;
  readonly root: string;
  readonly frames: string | undefined;
  readonly split: string;
  readonly signal?: AbortSignal | undefined;
}

/** What a model says of all videos of a split. */
export async function predictSplit(options: PredictSplitOptions): Promise<Predictions> {
  const { model, name, signal } = options;
  const running = { ...(signal && { signal }) };
  if (model.saved.kind === 'category') return categoriesBy(options, running);
  if (model.saved.kind === 'tags') return tagsBy(options, running);
  const ids: string[] = [];
  const rows: Float32Array[] = [];
  for await (const { id, embedding } of model.embed(inputsOf(options), running)) {
    ids.push(id);
    rows.push(embedding);
  }
  const width = rows[0]?.length ?? 1;
  const values = new Float32Array(rows.length * width);
  rows.forEach((row, i) => values.set(row, i * width));
  return { kind: 'embeddings', name, path: model.where, rows: { name, ids, width, values } };
}

async function categoriesBy(options: PredictSplitOptions, running: { readonly signal?: AbortSignal }) {
  const { model, name } = options;
  const { classes } = model;
  const ids: string[] = [];
  const predicted: string[] = [];
  const rows: Float64Array[] = [];
  for await (const { id, categories } of model.classify(inputsOf(options), running)) {
    ids.push(id);
    predicted.push(categories[0].category);
    rows.push(rowOf(new Map(categories.map((one) => [one.category, one.probability])), classes));
  }
  const probabilities = { classes, values: joined(rows, classes.length) };
  return { kind: 'categories' as const, name, path: model.where, ids, predicted, probabilities };
}

async function tagsBy(options: PredictSplitOptions, running: { readonly signal?: AbortSignal }) {
  const { model, name } = options;
  const { tags } = model;
  const ids: string[] = [];
  const chosen: string[][] = [];
  const rows: Float64Array[] = [];
  for await (const { id, tags: all } of model.tag(inputsOf(options), running)) {
    ids.push(id);
    chosen.push(all.flatMap((one) => (one.chosen ? one.tag : [])));
    rows.push(rowOf(new Map(all.map((one) => [one.tag, one.probability])), tags));
  }
  const probabilities = { tags, values: joined(rows, tags.length) };
  return { kind: 'tags' as const, name, path: model.where, ids, chosen, probabilities };
}

/** What is said of a video by name, in the order of the names `[C]`. */
function rowOf(said: ReadonlyMap<string, number>, names: readonly string[]): Float64Array {
  return Float64Array.from(names, (name) => said.get(name) ?? 0);
}

/** Rows one after another `[N, C]`. */
function joined(rows: readonly Float64Array[], width: number): Float64Array {
  const values = new Float64Array(rows.length * width);
  rows.forEach((row, i) => values.set(row, i * width));
  return values;
}

/** The videos of the split as a model takes them. */
async function* inputsOf(options: PredictSplitOptions): AsyncGenerator<TrainedInput> {
  const { annotations, features, root, frames, split } = options;
  const layout = wbdcLayout(root, frames);
  for await (const { id, title, ocr, asr } of readDistinctVideos(annotations, { onBad: () => undefined })) {
    if (features === undefined) yield { id, title, ocr, asr, video: layout.frameZip(split, id) };
    else if (features.has(id)) yield { id, title, ocr, asr, features: await features.read(id) };
  }
}
