import { readLabels, writeLabels, type LabelledPair } from '@wbdc/data';
import { fromRoot, single } from '@wbdc/distributed';
import type { Pair } from '@wbdc/finetune';
import { finetuneFiles } from '@wbdc/finetune/node';
import { exists } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';
import { counted } from '@wbdc/report/format';
import { mineHardNegatives, openIndex } from '@wbdc/search';
import type { FinetuneOptions } from './options.js';

/**
 * The pairs to learn from, with those of score 0 that `finetune.mined` finds in an index: neighbours of a video that
 * nobody gave as its partner, among the videos to learn from. Each is added once. They are kept in a file of the folder
 * (see `finetuneFiles`), from which a run that goes on has them: an index may have changed since.
 *
 * @throws WbdcError where the index knows no pair; SearchError where there is no such index
 */
export async function withMinedNegatives(options: FinetuneOptions): Promise<Pair[]> {
  const { settings, data, communicator = single, folder, resume = false } = options;
  const pairs = [...(data.pairs?.train ?? [])];
  if (settings.finetune.mined === null) return pairs;
  const { mined: path } = finetuneFiles(folder);
  const added = await fromRoot(communicator, async () => {
    if (resume && (await exists(path))) return readLabels(path);
    const found = await mine(options, pairs);
    await writeLabels(path, found);
    return found;
  });
  return [...pairs, ...added.map(({ id1, id2, score }) => ({ left: id1, right: id2, score }))];
}

async function mine({ settings, data, signal, observer }: FinetuneOptions, pairs: readonly Pair[]) {
  const { training } = data;
  const known = new Set(Array.from({ length: training.size }, (_, i) => training.id(i)));
  const right = pairs.filter(({ score }) => score > 0);
  const { index: place, as: model, count, skip, margin: relativeMargin, candidates } = settings.finetune.mined!;
  const asked = {
    ...{ model, count, skip, relativeMargin, candidates, among: (id: string) => known.has(id) },
    ...(signal && { signal }),
  };
  const added = new Map<string, LabelledPair>();
  let found = 0;
  let done = 0;
  const index = await openIndex(place);
  try {
    for await (const { left, negatives } of mineHardNegatives(index, right, asked)) {
      if (negatives.length > 0) found++;
      for (const wrong of negatives) added.set(`${left} ${wrong}`, { id1: left, id2: wrong, score: 0 });
      observer?.onProgress?.({ noun: 'pairs', done: ++done, total: right.length, ended: done === right.length });
    }
  } finally {
    await index.close();
  }
  if (found === 0) {
    const ids = `by the ids of the data set such as ${right[0]?.left ?? training.id(0)}`;
    throw new WbdcError({
      where: 'finetune.mined.index',
      expected: `an index with videos of the ${counted(right.length, 'pair')}, ${ids}, and others near to them`,
      got: `none of them in ${place}`,
      code: 'mined-none',
    });
  }
  observer?.onMessage?.(`${counted(added.size, 'hard negative')} of ${found} pairs mined from ${place}`);
  return [...added.values()];
}
