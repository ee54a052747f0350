import type { Pair } from '@wbdc/finetune';
import { WbdcError } from '@wbdc/io/errors';
import { counted } from '@wbdc/report/format';
import { mineHardNegatives, openIndex } from '@wbdc/search';
import type { FinetuneOptions } from './options.js';

/**
 * The pairs to learn from, with those of score 0 that `finetune.mined` finds in an index: neighbours of a video that
 * nobody gave as its partner, among the videos to learn from. Each is added once.
 *
 * @throws WbdcError where the index knows no pair; SearchError where there is no such index
 */
export async function withMinedNegatives({ settings, data, signal, observer }: FinetuneOptions): Promise<Pair[]> {
  const pairs = [...(data.pairs?.train ?? [])];
  const { mined } = settings.finetune;
  if (mined === null) return pairs;
  const { training } = data;
  const known = new Set(Array.from({ length: training.size }, (_, i) => training.id(i)));
  const right = pairs.filter(({ score }) => score > 0);
  const { index: place, as: model, count, skip, margin: relativeMargin, candidates } = mined;
  const asked = {
    ...{ model, count, skip, relativeMargin, candidates, among: (id: string) => known.has(id) },
    ...(signal && { signal }),
  };
  const added = new Map<string, Pair>();
  let found = 0;
  let done = 0;
  const index = await openIndex(place);
  try {
    for await (const { left, negatives } of mineHardNegatives(index, right, asked)) {
      if (negatives.length > 0) found++;
      for (const wrong of negatives) added.set(`${left} ${wrong}`, { left, right: wrong, score: 0 });
      observer?.onProgress?.({ noun: 'pairs', done: ++done, total: right.length, ended: done === right.length });
    }
  } finally {
    await index.close();
  }
  if (found === 0) {
    const expected = `an index with videos of the ${counted(right.length, 'pair')} and others near to them`;
    throw new WbdcError({ where: 'finetune.mined.index', expected, got: `none of them in ${place}` });
  }
  observer?.onMessage?.(`${counted(added.size, 'hard negative')} of ${found} pairs mined from ${place}`);
  return [...pairs, ...added.values()];
}
