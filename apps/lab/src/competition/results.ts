import { join } from 'node:path';
import { readLabels } from '@wbdc/data';
import { combineProbabilities, fitTransform, pairCosines, type Embeddings } from '@wbdc/ensemble-svd';
import { save } from '@wbdc/ensemble-svd/node';
import { writeCategories } from '@wbdc/finetune';
import {
  finetuneFiles,
  readCategoryScores,
  readClasses,
  readEmbeddingFile,
  readProbabilities,
  readSimilarityScores,
  readTruth,
  rowsById,
  writeEmbeddingFile,
  type FinetuneFiles,
} from '@wbdc/finetune/node';
import { writeFileAtomic } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';
import {
  categoryScore,
  classScores,
  confusion,
  level1,
  spearman,
  type CategoryScore,
  type ClassScore,
} from '@wbdc/metrics';
import { heldOutPairs, heldOutTruth, isOwn, type OwnData } from './own-data.js';
import { nearestVideos, type Nearest } from './neighbours.js';
import { AIAC, ENSEMBLES, WBDC, type PublishedEntry } from './plan.js';

interface JobResult {
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
  /** Held-out Spearman of what needs no model, by name. */
  readonly baselines: Readonly<Record<string, number>>;
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
  /** Of what needs no model, by name. */
  readonly baselines: Readonly<Record<string, CategoryScore>>;
  /** Mean of the probabilities, equal weights. */
  readonly ensemble: CategoryScore;
  /** Of the ensemble, on level 1. */
  readonly confusion: ReturnType<typeof confusion>;
  /** Those of the ensemble's level-2 classes that are told worst, worst first. */
  readonly hardest: readonly ClassScore[];
}

/** What the finetuning of an entry left. */
function filesOf(root: string, name: string): FinetuneFiles {
  return finetuneFiles(join(root, name, 'finetune'));
}

/** Gathers jobs, the six if not told, ensembles them and writes the submission; the held-out pairs only measure. */
export async function aiacResults(
  root: string,
  folder: string,
  own?: OwnData,
  entries: readonly PublishedEntry[] = AIAC,
): Promise<AiacResults> {
  const names = entries.map(({ name }) => name);
  const labels = await heldOutPairs(own, root);
  const pairs = labels === undefined ? [] : await readLabels(labels);
  const truth = pairs.map(({ score }) => score);
  const categories = isOwn(own) ? undefined : await heldOutTruth(own, root);
  const ids = categories === undefined ? undefined : new Set((await readTruth(categories)).keys());
  const members = await Promise.all(names.map((name) => readEmbeddingFile(filesOf(root, name).embeddings, name, ids)));
  const rate = (rows: Embeddings): number => (pairs.length === 0 ? NaN : spearman(pairCosines(rows, pairs), truth));
  const singles = members.map(rate);
  const ensembles: AiacResults['ensembles'][number][] = [];
  let neighbours: Nearest[] = [];
  for (const models of ENSEMBLES.filter((count) => count <= members.length)) {
    const chosen = members.slice(0, models);
    const { ensemble, embeddings } = await fitTransform(chosen, { dimension: members[0].width });
    ensembles.push({ models, spearman: rate(embeddings), bestSingle: Math.max(...singles.slice(0, models)) });
    if (models < members.length) continue;
    neighbours = nearestVideos(embeddings);
    await save(ensemble, join(folder, 'ensemble.safetensors'));
    await writeEmbeddingFile(finetuneFiles(folder).embeddings, rowsById(embeddings));
  }
  const jobs = await Promise.all(entries.map((entry) => jobResult(root, entry)));
  const { spearman: first } = await readSimilarityScores(filesOf(root, names[0]).scores);
  return { jobs, baselines: first?.baselines ?? {}, ensembles, neighbours };
}

async function jobResult(root: string, { name, about, published }: PublishedEntry): Promise<JobResult> {
  const scores = await readSimilarityScores(filesOf(root, name).scores);
  const value = (key: 'spearman' | 'mse' | `validation/${'spearman' | 'mse'}`): number => scores[key]?.value ?? NaN;
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

/** Averages the probabilities of WBDC's models and writes the submission; gives the categories by id. */
export async function submitCategories(root: string, folder: string): Promise<Map<string, string>> {
  const classes = await sameCategories(root);
  const members = await Promise.all(WBDC.map(({ name }) => readProbabilities(filesOf(root, name).probabilities, name)));
  const combined = combineProbabilities(members);
  const predicted = new Map(combined.ids.map((id, i) => [id, classes[combined.labels[i]]]));
  await writeFileAtomic(finetuneFiles(folder).categories, writeCategories(predicted));
  return predicted;
}

/** Gathers WBDC's models, averages their probabilities and writes the submission. */
export async function wbdcResults(root: string, folder: string, own?: OwnData): Promise<WbdcResults> {
  const truth = await readTruth((await heldOutTruth(own, root))!);
  const predicted = await submitCategories(root, folder);
  const ids = [...truth.keys()].filter((id) => predicted.has(id));
  const [right, said] = [ids.map((id) => truth.get(id)!), ids.map((id) => predicted.get(id)!)];
  return {
    models: await Promise.all(WBDC.map(({ name, about }) => modelResult(root, name, about))),
    baselines: (await readCategoryScores(filesOf(root, WBDC[0].name).scores)).baselines ?? {},
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
  const { score, baseline } = await readCategoryScores(filesOf(root, name).scores);
  return { name, about, score, baseline };
}

async function sameCategories(root: string): Promise<string[]> {
  const lists = await Promise.all(WBDC.map(({ name }) => readClasses(filesOf(root, name).classes)));
  const other = lists.findIndex((list) => list.join('\n') !== lists[0].join('\n'));
  if (other < 0) return lists[0];
  throw new WbdcError({
    where: WBDC[other].name,
    expected: `the categories of ${WBDC[0].name}`,
    got: 'others',
    advice: 'their probabilities do not compare',
  });
}
