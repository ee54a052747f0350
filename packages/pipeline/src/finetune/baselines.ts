import type { Dataset } from '@wbdc/data';
import { categoryBaselines, pairBaselines, type LabelledVideo, type PairSet, type PlainVideo } from '@wbdc/finetune';
import { categoryScore, spearman, type CategoryScore } from '@wbdc/metrics';
import type { Observer } from '../observer.js';

/** The texts of videos as they are. */
export type PlainTexts = ReadonlyMap<string, Pick<PlainVideo, 'title' | 'texts'>>;

/** Where baselines have their videos from. */
export interface BaselineSource {
  /** Reads the texts of videos; without it there are no baselines of texts. */
  readonly texts?: ((wanted: ReadonlySet<string>) => Promise<PlainTexts>) | undefined;
  /** The data sets hold frame features; pixels, where a tower is trained too, are no baseline. */
  readonly features: boolean;
  readonly observer?: Pick<Observer, 'onMessage'> | undefined;
}

/** Frames of more videos are not read for a baseline. */
const MOST_FRAMES = 20_000;
/** Labelled videos that neighbours are looked for among. */
const MOST_LABELLED = 20_000;

/** Spearman of what needs no model, by name, on scored pairs; see `pairBaselines`. */
export async function pairBaselinesOf(
  { dataset, left, right, scores }: PairSet,
  source: BaselineSource,
): Promise<Record<string, number>> {
  tellOfPixels(source);
  const indices = [...new Set([...left, ...right])];
  const videos = await plainVideos(dataset, indices, source);
  const byId = new Map(indices.map((index, i) => [dataset.id(index), videos[i]]));
  const pairs = Array.from(left, (index, i) => ({ id1: dataset.id(index), id2: dataset.id(right[i]) }));
  const reached = Object.entries(pairBaselines(byId, pairs));
  return Object.fromEntries(reached.map(([name, values]) => [name, spearman(values, scores)]));
}

function tellOfPixels({ features, observer }: BaselineSource): void {
  if (!features) observer?.onMessage?.('no baseline of frame features: the tower is trained too, pixels are read');
}

/** All texts of the videos of pairs, by index; empty where nobody gives them. */
export async function pairTexts(
  { dataset, left, right }: PairSet,
  { texts }: BaselineSource,
): Promise<(video: number) => string> {
  const words = await texts?.(new Set([...left, ...right].map((index) => dataset.id(index))));
  return (video) => words?.get(dataset.id(video))?.texts ?? '';
}

/** Videos of a data set with their categories, by index. */
interface Labelled {
  readonly dataset: Dataset;
  readonly videos: readonly LabelledVideo[];
}

/** WBDC's score of what needs no model, by name; see `categoryBaselines`. Nothing where nothing is measured. */
export async function categoryBaselinesOf(
  train: Labelled,
  measured: Labelled,
  source: BaselineSource,
): Promise<Record<string, CategoryScore> | undefined> {
  return scoresOf([{ train, measured }], source);
}

/** The same out of fold: the videos of every fold by those of the others. */
export function outOfFoldBaselines(
  dataset: Dataset,
  folds: readonly { readonly train: Labelled['videos']; readonly validation: Labelled['videos'] }[],
  source: BaselineSource,
): Promise<Record<string, CategoryScore> | undefined> {
  const parts = folds.map(({ train, validation }) => ({
    train: { dataset, videos: train },
    measured: { dataset, videos: validation },
  }));
  return scoresOf(parts, source);
}

interface Part {
  readonly train: Labelled;
  readonly measured: Labelled;
}

/** The scores of what is said of all parts together, where it is said of all of them. */
async function scoresOf(
  parts: readonly Part[],
  source: BaselineSource,
): Promise<Record<string, CategoryScore> | undefined> {
  const truth = parts.flatMap(({ measured }) => measured.videos.map(({ category }) => category));
  if (truth.length === 0) return undefined;
  tellOfPixels(source);
  const said: Record<string, string[]> = {};
  for (const part of parts) {
    for (const [name, predicted] of Object.entries(await saidWithoutModel(part, source))) {
      said[name] = [...(said[name] ?? []), ...predicted];
    }
  }
  const whole = Object.entries(said).filter(([, predicted]) => predicted.length === truth.length);
  return Object.fromEntries(whole.map(([name, predicted]) => [name, categoryScore(truth, predicted)]));
}

async function saidWithoutModel({ train, measured }: Part, source: BaselineSource): Promise<Record<string, string[]>> {
  const stride = Math.max(1, train.videos.length / MOST_LABELLED);
  const chosen = train.videos.filter((_, i) => Math.floor(i % stride) === 0);
  const indicesOf = (videos: Labelled['videos']): number[] => videos.map(({ index }) => index);
  const known = await plainVideos(train.dataset, indicesOf(chosen), source);
  const asked = await plainVideos(measured.dataset, indicesOf(measured.videos), source);
  return categoryBaselines(
    known.map((video, i) => ({ ...video, category: chosen[i].category })),
    asked,
  );
}

/** Videos as they are, with the mean of their frame features as evaluation takes them. */
async function plainVideos(
  dataset: Dataset,
  indices: readonly number[],
  { texts, features, observer }: BaselineSource,
): Promise<PlainVideo[]> {
  const words = await texts?.(new Set(indices.map((index) => dataset.id(index))));
  const framed = features && indices.length <= MOST_FRAMES;
  if (features && !framed) {
    observer?.onMessage?.(`no baseline of frame features: they would be read of ${indices.length} videos`);
  }
  const videos: PlainVideo[] = [];
  for (const index of indices) {
    const own = words?.get(dataset.id(index)) ?? { title: '', texts: '' };
    const frames = framed ? await meanFrames(dataset, index) : undefined;
    videos.push({ ...own, ...(frames && { frames }) });
  }
  return videos;
}

async function meanFrames(dataset: Dataset, index: number): Promise<Float32Array | undefined> {
  const { frames } = await dataset.example(index);
  const [count, width] = frames.shape;
  if (count === 0) return undefined;
  const mean = new Float32Array(width);
  for (let i = 0; i < frames.data.length; i++) mean[i % width] += frames.data[i] / count;
  return mean;
}
