import { join, resolve } from 'node:path';
import { aiacLayout, readLabels, SkipCounter, type Dataset } from '@wbdc/data';
import { fromRoot, single } from '@wbdc/distributed';
import type { Pair } from '@wbdc/finetune';
import { exists } from '@wbdc/io';
import type { FinetuneData } from '@wbdc/pipeline/node';
import { loadDemoData } from '../../core/demo-data.js';
import { UserError } from '../../core/errors.js';
import { counted } from '@wbdc/report/format';
import type { StageContext } from '../../run/stage.js';
import { dataRoot, ownFolder } from '../data-root.js';
import { openStored } from '../video-set.js';

interface PairPaths {
  readonly train: string;
  readonly heldOut: string | undefined;
}

/** Reads the labelled pairs of known videos. */
export async function readPairs(
  context: StageContext,
  training: Dataset,
  heldOut: Dataset,
): Promise<NonNullable<FinetuneData['pairs']>> {
  const paths = await pairPaths(context);
  const train = await readPairFile(context, paths.train, training);
  return paths.heldOut === undefined
    ? { train }
    : { train, heldOut: await readPairFile(context, paths.heldOut, heldOut) };
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
  // Of several ranks one builds them, the others wait.
  await fromRoot(context.ranks?.communicator ?? single, async () => {
    if (!(await exists(root))) await buildPairs(context, root);
  });
  return { train: aiacLayout(root).labels('pairwise'), heldOut: aiacLayout(root).labels('test_a') };
}

/** `pairwise/label.tsv`, and that of the held-out split where it has one: the official test sets do not. */
async function aiacPairs(root: string, heldOutSplits: readonly string[]): Promise<PairPaths> {
  const { labels } = aiacLayout(root);
  const [heldOut] = heldOutSplits.map(labels);
  return { train: labels('pairwise'), heldOut: (await exists(heldOut)) ? heldOut : undefined };
}

/** The embedded data set in the AIAC layout, which has the pairs. */
async function buildPairs(context: StageContext, folder: string): Promise<void> {
  const { buildDemoAiac } = await loadDemoData();
  const splits = ['unlabeled', 'labeled', 'test_a'].map((split) => openStored(context, split));
  const [unlabeled, labeled, testA] = await Promise.all(splits);
  const features = { unlabeled, labeled, test_a: testA };
  try {
    // One set of pairs, whatever the seed: results compare.
    await buildDemoAiac({ data: dataRoot(context), features, folder, seed: 1, signal: context.signal });
  } finally {
    await Promise.all(Object.values(features).map((store) => store.close()));
  }
}
