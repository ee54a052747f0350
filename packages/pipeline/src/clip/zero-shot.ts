import {
  besideBaselines,
  characterOverlap,
  dot,
  flattenMeasured,
  recallBy,
  recallByChance,
  type Measured,
  type RecallQuestion,
} from '@wbdc/metrics';
import { WbdcError } from '@wbdc/io/errors';
import { fingerprintOf } from '../contents/changes.js';
import type { LineOrigin } from '../trained/node/line-file.js';
import type { TrainedInputs, VideoTexts } from '../trained/inputs.js';
import { rowsOf, type Rows } from '../trained/row-stream.js';
import type { RunOptions } from '../trained/trained-model.js';
import type { OpenClip } from './open-clip.js';

/** What stands in a prompt for the label. */
const SLOT = '{}';

export interface ZeroShotLabels {
  /** What videos may be about: 美食, 旅行. */
  readonly labels: readonly string[];
  /** Sentences about a video with `{}` for the label; of several, the mean of their vectors counts. Default: `{}`. */
  readonly prompts?: readonly string[];
}

export interface ZeroShotLabel {
  readonly label: string;
  /** Of all labels, by the model's temperature: they add up to 1. */
  readonly probability: number;
  /** Cosine of the video and the label's sentences. */
  readonly similarity: number;
}

/** A video with its labels, the most probable first. */
export interface ZeroShotRow {
  readonly id: string;
  /** Of length 1: what the labels were compared with. */
  readonly embedding: Float32Array;
  readonly labels: readonly ZeroShotLabel[];
}

/**
 * Labels videos with words that no model was trained on (Radford et al., arXiv 2103.00020, 3.1): the cosine of a
 * video's frames and a sentence about each label.
 *
 * @throws WbdcError `input` where there is no label, one stands twice, or a prompt has no place for it
 */
export function zeroShot(
  model: OpenClip,
  inputs: TrainedInputs,
  labels: ZeroShotLabels,
  options: RunOptions = {},
): Rows<ZeroShotRow> {
  return rowsOf(labelled(model, inputs, labels, options));
}

async function* labelled(
  model: OpenClip,
  inputs: TrainedInputs,
  labels: ZeroShotLabels,
  running: RunOptions,
): AsyncGenerator<ZeroShotRow> {
  const labelsOf = await zeroShotLabeller(model, labels);
  for await (const { id, embedding } of model.embed(inputs, running)) {
    yield { id, embedding, labels: labelsOf(embedding) };
  }
}

/** What of a CLIP makes vectors of labels, and probabilities of cosines. */
export type LabellingClip = Pick<OpenClip, 'embedTexts' | 'scale'>;

/**
 * What labels the embedding of a video, the most probable label first: {@link zeroShot} for whoever embeds by himself.
 *
 * @throws WbdcError `input` where there is no label, one stands twice, or a prompt has no place for it
 */
export async function zeroShotLabeller(
  model: LabellingClip,
  { labels, prompts = [SLOT] }: ZeroShotLabels,
): Promise<(embedding: Float32Array) => readonly ZeroShotLabel[]> {
  assertLabels(labels, prompts);
  const vectors = await labelVectors(model, labels, prompts);
  return (embedding) => {
    const similarities = vectors.map((vector) => dot(embedding, vector));
    const largest = Math.max(...similarities);
    const weights = similarities.map((similarity) => Math.exp(model.scale * (similarity - largest)));
    const sum = weights.reduce((a, b) => a + b, 0);
    const all = labels.map((label, i) => ({ label, probability: weights[i] / sum, similarity: similarities[i] }));
    return all.sort((a, b) => b.similarity - a.similarity);
  };
}

function assertLabels(labels: readonly string[], prompts: readonly string[]): void {
  const fail = (where: string, expected: string, got: string): never => {
    throw new WbdcError({ where, expected, got, code: 'input' });
  };
  if (labels.length === 0 || labels.some((label) => label.trim() === '')) {
    fail('labels', 'at least one, none of them empty', labels.length === 0 ? 'none' : 'an empty one');
  }
  const twice = labels.find((label, i) => labels.indexOf(label) !== i);
  if (twice !== undefined) fail('labels', 'each once', `'${twice}' twice`);
  const bad = prompts.find((prompt) => !prompt.includes(SLOT));
  if (bad !== undefined || prompts.length === 0) {
    fail('prompt', `a sentence with ${SLOT} where the label belongs`, bad === undefined ? 'none' : `'${bad}'`);
  }
}

/**
 * What tells the labels and sentences of one question from those of another, whatever their order: a share among some
 * labels is none among others.
 *
 * @param done lines of before; those of earlier versions do not say what they were asked
 * @throws WbdcError `lines-foreign` where they were asked something else
 */
export function labelsMark(
  { labels, prompts = [SLOT] }: ZeroShotLabels,
  done: ReadonlyMap<string, LineOrigin> = new Map(),
  where = 'labels',
): string {
  assertLabels(labels, prompts);
  const mark = fingerprintOf({ labels: [...labels].sort(), prompts: [...prompts].sort() });
  const foreign = [...done].find(([, { asked }]) => asked !== undefined && asked !== mark);
  if (foreign === undefined) return mark;
  const [expected, got] = ['lines about the same labels and sentences', `'${foreign[0]}' about others`];
  throw new WbdcError({ where, expected, got, advice: 'choose another file', code: 'lines-foreign' });
}

/** A unit vector `[E]` of each label: the mean over the prompts, as CLIP's authors ensemble them. */
async function labelVectors(
  model: LabellingClip,
  labels: readonly string[],
  prompts: readonly string[],
): Promise<Float32Array[]> {
  const sentences = labels.flatMap((label) => prompts.map((prompt) => prompt.replaceAll(SLOT, label)));
  const vectors = await model.embedTexts(sentences);
  return labels.map((_, i) => {
    const own = vectors.slice(i * prompts.length, (i + 1) * prompts.length);
    const sum = own[0].map((_value, at) => own.reduce((total, vector) => total + vector[at], 0));
    const length = Math.sqrt(dot(sum, sum));
    return sum.map((value) => value / length);
  });
}

/** What is known of a video: its texts, and what it is about. */
export interface ZeroShotTruth extends VideoTexts {
  /** Those among the labels count. */
  readonly categories?: readonly string[];
}

/** How often what belongs to a video is among the first 1, 5 and 10. */
export interface ZeroShotRecall {
  /** Videos that it was measured on. */
  readonly count: number;
  readonly measured: Readonly<Record<'recall@1' | 'recall@5' | 'recall@10', Measured>>;
}

/** What a model reaches on videos of which something is known; nothing where it cannot be said. */
export interface ZeroShotScores {
  /** A video's own category among the labels. */
  readonly labels?: ZeroShotRecall;
  /** A title's own video among all: searching by words. */
  readonly titles?: ZeroShotRecall;
}

const KS = [1, 5, 10] as const;

/**
 * recall@1, 5 and 10 of labels and of titles, beside chance and beside the characters that a label, or a title, shares
 * with the other texts of a video: what no model is needed for.
 */
export async function zeroShotScores(
  model: OpenClip,
  rows: readonly ZeroShotRow[],
  { labels }: Pick<ZeroShotLabels, 'labels'>,
  truthOf: (id: string) => ZeroShotTruth,
): Promise<ZeroShotScores> {
  const byLabel = labelRecall(rows, labels, truthOf);
  const byTitle = await titleRecall(model, rows, truthOf);
  return { ...(byLabel && { labels: byLabel }), ...(byTitle && { titles: byTitle }) };
}

function labelRecall(
  rows: readonly ZeroShotRow[],
  labels: readonly string[],
  truthOf: (id: string) => ZeroShotTruth,
): ZeroShotRecall | undefined {
  const known = rows.flatMap((row) => {
    const truth = truthOf(row.id);
    const own = labels.findIndex((label) => truth.categories?.includes(label));
    const categories = new Set(truth.categories);
    return own < 0
      ? []
      : [{ own, categories, ...textsOf(truth), scores: new Map(row.labels.map((one) => [one.label, one.similarity])) }];
  });
  if (known.length === 0) return undefined;
  const question = {
    queries: known.length,
    items: labels.length,
    own: (query: number) => known[query].own,
    isRight: (query: number, item: number) => known[query].categories.has(labels[item]), // of several levels
  };
  return recallBeside(question, {
    model: (query, item) => known[query].scores.get(labels[item]) ?? -2,
    letters: (query, item) => characterOverlap(labels[item], known[query].title + known[query].rest),
  });
}

async function titleRecall(
  model: OpenClip,
  rows: readonly ZeroShotRow[],
  truthOf: (id: string) => ZeroShotTruth,
): Promise<ZeroShotRecall | undefined> {
  const known = rows.flatMap(({ id, embedding }) => {
    const texts = textsOf(truthOf(id));
    return texts.title === '' ? [] : [{ id, embedding, ...texts }];
  });
  if (known.length < 2) return undefined;
  const titles = await model.embedTexts(known.map(({ title }) => title));
  const question = {
    queries: known.length,
    items: known.length,
    own: (query: number) => query,
    isRight: (query: number, item: number) => alike(known[query], known[item]),
  };
  return recallBeside(question, {
    model: (query, item) => dot(titles[query], known[item].embedding),
    letters: (query, item) => characterOverlap(known[query].title, known[item].rest),
  });
}

/** Whether videos are one, say the same or show the same: then neither is a wrong answer for the other's title. */
function alike(one: FoundVideo, other: FoundVideo): boolean {
  if (one.id === other.id || one.title === other.title) return true;
  return one.embedding.every((value, i) => Math.abs(value - other.embedding[i]) < ROUNDING);
}

type FoundVideo = Pick<ZeroShotRow, 'id' | 'embedding'> & { readonly title: string };

/** Of a unit vector's values: what batches of other sizes make of equal frames. */
const ROUNDING = 1e-6;

/** A title, and what else is known to stand or to be said in a video. */
function textsOf({ title = '', ocr = '', asr = '' }: VideoTexts): { readonly title: string; readonly rest: string } {
  const lines = typeof ocr === 'string' ? ocr : ocr.map(({ text }) => text).join(' ');
  return { title, rest: `${lines} ${asr}` };
}

type Score = (query: number, item: number) => number;

function recallBeside(
  question: Omit<RecallQuestion, 'score'>,
  { model, letters }: { readonly model: Score; readonly letters: Score },
): ZeroShotRecall {
  const reached = recallBy({ ...question, score: model }, KS);
  const overlap = recallBy({ ...question, score: letters }, KS);
  const chances = recallByChance(question, KS);
  const measured = KS.map((k, i) => [
    `recall@${k}`,
    besideBaselines(reached[i], { chance: chances[i], characters: overlap[i] }),
  ]);
  return { count: question.queries, measured: Object.fromEntries(measured) as ZeroShotRecall['measured'] };
}

/** Scores as lines for people: `labels  recall@1 0.75 (chance 0.5, characters 0.25), ...`. */
export function describeScores({ labels, titles }: ZeroShotScores): string[] {
  const line = (name: string, { count, measured }: ZeroShotRecall): string => {
    const parts = Object.entries(measured).map(([metric, { value, baselines = {} }]) => {
      const beside = Object.entries(baselines).map(([which, own]) => `${which} ${own.toFixed(3)}`);
      return `${metric} ${value.toFixed(3)} (${beside.join(', ')})`;
    });
    return `${name.padEnd(8)} ${parts.join(', ')}; of ${count}`;
  };
  return [...(labels ? [line('labels', labels)] : []), ...(titles ? [line('titles', titles)] : [])];
}

/** Scores as flat numbers: `{ labels: { count: 8, 'recall@1': 0.75, 'recall@1 baseline: chance': 0.5, ... } }`. */
export function flattenScores(scores: ZeroShotScores): Record<string, Record<string, number>> {
  const entries = Object.entries(scores) as [string, ZeroShotRecall][];
  return Object.fromEntries(
    entries.map(([name, { count, measured }]) => [name, { count, ...flattenMeasured(measured) }]),
  );
}

/** Rows as they pass, which are kept. */
export async function* keepRows<T>(rows: AsyncIterable<T>, kept: T[]): AsyncGenerator<T> {
  for await (const row of rows) {
    kept.push(row);
    yield row;
  }
}

/** What is written of a labelled video: its first few labels, with six digits a number. */
export function labelledRow({ labels }: Pick<ZeroShotRow, 'labels'>, top?: number): Pick<ZeroShotRow, 'labels'> {
  const rounded = (value: number): number => Number(value.toPrecision(6));
  const first = labels.slice(0, top);
  return {
    labels: first.map(({ label, probability, similarity }) => ({
      ...{ label, probability: rounded(probability), similarity: rounded(similarity) },
    })),
  };
}
