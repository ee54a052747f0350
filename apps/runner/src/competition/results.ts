import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readLabels } from '@wbdc/data';
import { combineProbabilities, fitTransform, pairCosines, type Embeddings } from '@wbdc/ensemble-svd';
import { save } from '@wbdc/ensemble-svd/node';
import { writeFileAtomic } from '@wbdc/io';
import {
  categoryScore,
  classScores,
  confusion,
  level1,
  spearman,
  type CategoryScore,
  type ClassScore,
} from '@wbdc/metrics';
import { readCategories, readEmbeddings, writeCategories, writeEmbeddings } from '@wbdc/finetune';
import { finetuneFiles, readProbabilities } from '@wbdc/finetune/node';
import { UserError } from '../errors.js';
import { nearestVideos, type Nearest } from './neighbours.js';
import { AIAC, ENSEMBLES, WBDC, type PublishedEntry } from './plan.js';

export interface JobResult {
  readonly name: string;
  readonly about: string;
  /** On pairs of held-out videos. */
  readonly spearman: number;
  readonly mse: number;
  /** On the validation pairs of the split of the training pairs, as the published numbers are. */
  readonly validation?: { readonly spearman: number; readonly mse: number };
  readonly published: { readonly spearman: number; readonly mse: number };
}

export interface AiacResults {
  readonly jobs: readonly JobResult[];
  /** Held-out Spearman of the first n jobs' SVD ensemble, equal weights, beside the best of them alone. */
  readonly ensembles: readonly { readonly models: number; readonly spearman: number; readonly bestSingle: number }[];
  /** Held-out videos with those most like them by the largest ensemble. */
  readonly neighbours: readonly Nearest[];
}

export interface WbdcResults {
  readonly models: readonly {
    readonly name: string;
    readonly about: string;
    readonly score: CategoryScore;
    readonly baseline: CategoryScore;
  }[];
  /** Mean of the probabilities, equal weights. */
  readonly ensemble: CategoryScore;
  /** Of the ensemble, on level 1. */
  readonly confusion: ReturnType<typeof confusion>;
  /** Those of the ensemble's level-2 classes that are told worst, worst first. */
  readonly hardest: readonly ClassScore[];
}

const TRUTH = ['finetune', 'aiac', 'test_a', 'label.tsv'] as const;

/** Gathers the six jobs, ensembles them and writes the submission; the held-out pairs only measure. */
export async function aiacResults(root: string, folder: string): Promise<AiacResults> {
  const names = AIAC.map(({ name }) => name);
  const pairs = await readLabels(join(root, names[0], ...TRUTH));
  const truth = pairs.map(({ score }) => score);
  const ids = idsOf(await readTruth(root));
  const members = await Promise.all(
    names.map((name) => readMember(join(root, name, 'finetune', 'result.zip'), name, ids)),
  );
  const rate = (rows: Embeddings): number => spearman(pairCosines(rows, pairs), truth);
  const singles = members.map(rate);
  const ensembles: AiacResults['ensembles'][number][] = [];
  let neighbours: Nearest[] = [];
  for (const models of ENSEMBLES) {
    const chosen = members.slice(0, models);
    const { ensemble, embeddings } = await fitTransform(chosen, { dimension: members[0].width });
    ensembles.push({ models, spearman: rate(embeddings), bestSingle: Math.max(...singles.slice(0, models)) });
    if (models < members.length) continue;
    neighbours = nearestVideos(embeddings);
    await save(ensemble, join(folder, 'ensemble.safetensors'));
    await writeFile(join(folder, 'result.zip'), writeEmbeddings(rowsById(embeddings)));
  }
  const jobs = await Promise.all(AIAC.map((entry) => jobResult(root, entry)));
  return { jobs, ensembles, neighbours };
}

async function jobResult(root: string, { name, about, published }: PublishedEntry): Promise<JobResult> {
  type Values = Readonly<Record<string, { readonly value: number } | undefined>>;
  const scores = JSON.parse(await readFile(join(root, name, 'finetune', 'scores.json'), 'utf8')) as Values;
  const value = (key: string): number => scores[key]?.value ?? NaN;
  const validation = { spearman: value('validation/spearman'), mse: value('validation/mse') };
  return {
    name,
    about,
    spearman: value('spearman'),
    mse: value('mse'),
    ...(scores['validation/spearman'] && { validation }),
    published,
  };
}

/** A submission as rows for an ensemble. */
async function readMember(path: string, name: string, ids: ReadonlySet<string>): Promise<Embeddings> {
  const vectors = readEmbeddings(await readFile(path), ids);
  const rows = [...vectors.values()];
  return { name, ids: [...vectors.keys()], width: rows[0].length, values: Float64Array.from(rows.flat()) };
}

/** `test_a_truth.csv` of the embedded data set. */
function readTruth(root: string): Promise<string> {
  return readFile(join(root, 'base', 'data', 'annotations', 'test_a_truth.csv'), 'utf8');
}

function idsOf(truth: string): Set<string> {
  return new Set(
    truth
      .trim()
      .split('\n')
      .map((line) => line.split(',')[0]),
  );
}

function rowsById({ ids, width, values }: Embeddings): Map<string, ArrayLike<number>> {
  return new Map(ids.map((id, i) => [id, values.subarray(i * width, (i + 1) * width)]));
}

/** Gathers WBDC's models, averages their probabilities and writes the submission. */
export async function wbdcResults(root: string, folder: string): Promise<WbdcResults> {
  const text = await readTruth(root);
  const truth = readCategories(text, idsOf(text));
  const classes = await sameCategories(root);
  const fileOf = (name: string): string => finetuneFiles(join(root, name, 'finetune')).probabilities;
  const members = await Promise.all(WBDC.map(({ name }) => readProbabilities(fileOf(name), name)));
  const combined = combineProbabilities(members);
  const predicted = new Map(combined.ids.map((id, i) => [id, classes[combined.labels[i]]]));
  await writeFileAtomic(join(folder, 'result.csv'), writeCategories(predicted));
  const models = await Promise.all(WBDC.map(({ name, about }) => modelResult(root, name, about)));
  const ids = [...truth.keys()];
  const [right, said] = [ids.map((id) => truth.get(id)!), ids.map((id) => predicted.get(id)!)];
  return {
    models,
    ensemble: categoryScore(right, said),
    confusion: confusion(right.map(level1), said.map(level1)),
    hardest: hardestOf(classScores(right, said)),
  };
}

/** Classes that the held-out videos have, by F1 and then by their number. */
function hardestOf(scores: readonly ClassScore[], count = 15): ClassScore[] {
  const present = scores.filter(({ support }) => support > 0);
  return present.sort((a, b) => a.f1 - b.f1 || b.support - a.support).slice(0, count);
}

async function modelResult(root: string, name: string, about: string): Promise<WbdcResults['models'][number]> {
  const path = join(root, name, 'finetune', 'scores.json');
  const { score, baseline } = JSON.parse(await readFile(path, 'utf8')) as Omit<
    WbdcResults['models'][number],
    'name' | 'about'
  >;
  return { name, about, score, baseline };
}

async function sameCategories(root: string): Promise<string[]> {
  const lists = await Promise.all(
    WBDC.map(({ name }) => readFile(join(root, name, 'finetune', 'categories.txt'), 'utf8')),
  );
  const other = lists.findIndex((list) => list !== lists[0]);
  if (other < 0) return lists[0].trim().split('\n');
  throw new UserError(
    `${WBDC[other].name}: expected the categories of ${WBDC[0].name}, got others: their probabilities do not compare`,
  );
}
