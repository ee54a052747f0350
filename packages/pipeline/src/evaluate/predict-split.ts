import { readDistinctVideos, wbdcLayout, type FeatureSource } from '@wbdc/data';
import type { Predictions } from '@wbdc/finetune/node';
import type { TrainedInput } from '../trained/inputs.js';
import type { TrainedModel } from '../trained/trained-model.js';

interface PredictSplitOptions {
  readonly model: TrainedModel;
  readonly name: string;
  readonly annotations: string;
  /** Of the videos; without them their frames are read from the WBDC layout at `root`. */
  readonly features: FeatureSource | undefined;
  readonly root: string;
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
  const place = new Map(classes.map((category, i) => [category, i]));
  const ids: string[] = [];
  const predicted: string[] = [];
  const blocks: Float64Array[] = [];
  for await (const { id, categories } of model.classify(inputsOf(options), running)) {
    ids.push(id);
    predicted.push(categories[0].category);
    const row = new Float64Array(classes.length);
    for (const { category, probability } of categories) row[place.get(category)!] = probability;
    blocks.push(row);
  }
  const values = new Float64Array(ids.length * classes.length);
  blocks.forEach((row, i) => values.set(row, i * classes.length));
  return { kind: 'categories' as const, name, path: model.where, ids, predicted, probabilities: { classes, values } };
}

async function tagsBy(options: PredictSplitOptions, running: { readonly signal?: AbortSignal }) {
  const { model, name } = options;
  const { tags } = model;
  const place = new Map(tags.map((tag, k) => [tag, k]));
  const ids: string[] = [];
  const chosen: string[][] = [];
  const blocks: Float64Array[] = [];
  for await (const { id, tags: said } of model.tag(inputsOf(options), running)) {
    ids.push(id);
    chosen.push(said.flatMap((one) => (one.chosen ? one.tag : [])));
    const row = new Float64Array(tags.length);
    for (const { tag, probability } of said) row[place.get(tag)!] = probability;
    blocks.push(row);
  }
  const values = new Float64Array(ids.length * tags.length);
  blocks.forEach((row, i) => values.set(row, i * tags.length));
  return { kind: 'tags' as const, name, path: model.where, ids, chosen, probabilities: { tags, values } };
}

/** The videos of the split as a model takes them. */
async function* inputsOf({ annotations, features, root, split }: PredictSplitOptions): AsyncGenerator<TrainedInput> {
  for await (const { id, title, ocr, asr } of readDistinctVideos(annotations, { onBad: () => undefined })) {
    if (features === undefined) yield { id, title, ocr, asr, video: wbdcLayout(root).frameZip(split, id) };
    else if (features.has(id)) yield { id, title, ocr, asr, features: await features.read(id) };
  }
}
