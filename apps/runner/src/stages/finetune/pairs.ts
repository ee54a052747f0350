import { join, resolve } from 'node:path';
import { openFeatureStore, readLabels, SkipCounter, type Dataset, type LabelledPair } from '@wbdc/data';
import { pairSet, scoresDiffer, splitPairs, type Pair, type PairSet } from '@wbdc/finetune';
import { exists } from '@wbdc/io';
import { loadDemoData } from '../../demo-data.js';
import { UserError } from '../../errors.js';
import { counted } from '../../format.js';
import type { StageContext } from '../../stage.js';
import { dataRoot, ownFolder } from '../data-root.js';
import { featureStorePath } from '../feature-files.js';

export interface PairParts {
  readonly train: PairSet;
  /** Of the same splits as `train`; none where nothing is held out there, or all scores are the same. */
  readonly validation: PairSet | undefined;
  /** Of the held-out splits, where their truth is known. */
  readonly heldOut: PairSet | undefined;
}

interface PairPaths {
  readonly train: string;
  readonly heldOut: string | undefined;
}

/** Reads all pairs and divides those to learn from. */
export async function readPairs(context: StageContext, training: Dataset, heldOut: Dataset): Promise<PairParts> {
  const { finetune } = context.config;
  const paths = await pairPaths(context);
  const all = await readPairFile(context, paths.train, training);
  const { train, validation, dropped } = splitPairs(all, { ...finetune, fold: Number(finetune.fold) });
  if (train.length === 0) throw new UserError(`${paths.train}: expected pairs to learn from, got none after the split`);
  assertVaried(train, paths.train);
  const others = paths.heldOut === undefined ? [] : await readPairFile(context, paths.heldOut, heldOut);
  context.output.say(
    `${counted(train.length, 'pair')} to learn from, ${validation.length} to validate, ${dropped.length} across the two dropped, ${others.length} held out`,
  );
  const measurable = (pairs: readonly Pair[], dataset: Dataset, name: string): PairSet | undefined => {
    if (pairs.length === 0) return undefined;
    if (scoresDiffer(pairs)) return pairSet(pairs, dataset);
    const why = `of constant scores Spearman is undefined: they are not measured`;
    context.output.warn(`all ${counted(pairs.length, name)} have the score ${pairs[0].score}; ${why}`);
    return undefined;
  };
  return {
    train: pairSet(train, training),
    validation: measurable(validation, training, 'validation pair'),
    heldOut: measurable(others, heldOut, 'held-out pair'),
  };
}

/** Spearman says nothing of constant labels, and there is nothing to learn from them. */
function assertVaried(pairs: readonly Pair[], path: string): void {
  if (scoresDiffer(pairs)) return;
  throw new UserError(`${path}: expected different scores, got ${pairs[0].score} for all ${pairs.length} pairs`);
}

async function readPairFile(context: StageContext, path: string, dataset: Dataset): Promise<Pair[]> {
  const known = new Set(Array.from({ length: dataset.size }, (_, i) => dataset.id(i)));
  const skipped = new SkipCounter('pairs', context.config.data.maxBadShare, 'data.maxBadShare');
  const pairs = await readLabels(path, { has: (id) => known.has(id), onBad: skipped.add });
  skipped.check(pairs.length + skipped.count);
  if (skipped.count > 0)
    context.output.warn(`${counted(skipped.count, 'pair')} skipped; the first: ${skipped.examples[0]}`);
  return pairs.map(({ id1, id2, score }) => ({ left: id1, right: id2, score }));
}

/** The labels of held-out pairs, where they are known. */
export async function heldOutPairs(context: StageContext): Promise<LabelledPair[]> {
  const { heldOut } = await pairPaths(context);
  return heldOut === undefined ? [] : readLabels(heldOut, { onBad: () => undefined });
}

async function pairPaths(context: StageContext): Promise<PairPaths> {
  const { finetune, data } = context.config;
  const { folder: from } = context.output.terminal;
  if (finetune.pairs !== null) {
    const { train, heldOut } = finetune.pairs;
    return { train: resolve(from, train), heldOut: heldOut === undefined ? undefined : resolve(from, heldOut) };
  }
  if (data.layout === 'aiac') return aiacPairs(ownFolder(context)!, data.heldOutSplits);
  if (data.folder !== null) {
    throw new UserError('finetune.pairs: expected the label.tsv of your data, got none: set finetune.pairs.train');
  }
  const root = join(context.folder, 'aiac');
  if (!(await exists(root))) await buildPairs(context, root);
  return { train: join(root, 'pairwise', 'label.tsv'), heldOut: join(root, 'test_a', 'label.tsv') };
}

/** `pairwise/label.tsv`, and that of the held-out split where it has one: the official test sets do not. */
async function aiacPairs(root: string, heldOutSplits: readonly string[]): Promise<PairPaths> {
  const [heldOut] = heldOutSplits.map((split) => join(root, split, 'label.tsv'));
  return { train: join(root, 'pairwise', 'label.tsv'), heldOut: (await exists(heldOut)) ? heldOut : undefined };
}

/** The embedded data set in the AIAC layout, which has the pairs. */
async function buildPairs(context: StageContext, folder: string): Promise<void> {
  const { buildDemoAiac } = await loadDemoData();
  const open = (split: string) => openFeatureStore(featureStorePath(context.upstream('features'), split));
  const [unlabeled, labeled, testA] = await Promise.all([open('unlabeled'), open('labeled'), open('test_a')]);
  const features = { unlabeled, labeled, test_a: testA };
  try {
    // One set of pairs, whatever the seed: results compare.
    await buildDemoAiac({ data: dataRoot(context), features, folder, seed: 1, signal: context.signal });
  } finally {
    await Promise.all(Object.values(features).map((store) => store.close()));
  }
}
