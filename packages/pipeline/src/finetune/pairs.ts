import type { Dataset } from '@wbdc/data';
import { groupsOf, pairSet, scoresDiffer, splitPairs, type Pair, type PairSet } from '@wbdc/finetune';
import { WbdcError } from '@wbdc/io/errors';
import { counted } from '@wbdc/report/format';
import type { FinetuneOptions } from './options.js';

/** What a similarity finetuning learns from and is measured on. */
export interface PairData {
  readonly train: PairSet;
  /** Of the same videos as `train`; nothing where none are held out there, or all scores are the same. */
  readonly validation: PairSet | undefined;
  /** Of the held-out videos, where their labels are known. */
  readonly heldOut: PairSet | undefined;
}

/** Divides the pairs to learn from. @throws WbdcError where there are none, or all of one score */
export function dividePairs({ settings, data, observer }: FinetuneOptions, all: readonly Pair[]): PairData {
  const { finetune } = settings;
  const { heldOut: others = [] } = data.pairs ?? {};
  const groups = groupsOf(data.training, data.groups);
  const groupOf = (id: string): string => groups.get(id) ?? id;
  const { train, validation, dropped } = splitPairs(all, { ...finetune, fold: Number(finetune.fold), groupOf });
  const where = 'finetune.pairs';
  if (train.length === 0) {
    throw new WbdcError({ where, expected: 'pairs to learn from', got: 'none after the split' });
  }
  const ranked = finetune.loss === 'negatives';
  if (ranked && !train.some(({ score }) => score > 0)) {
    throw new WbdcError({ where, expected: 'pairs of a score above 0', got: `0 for all ${train.length} pairs` });
  }
  if (!ranked && !scoresDiffer(train)) {
    const got = `${train[0].score} for all ${train.length} pairs`;
    throw new WbdcError({ where, expected: 'different scores', got });
  }
  observer?.onMessage?.(
    `${counted(train.length, 'pair')} to learn from, ${validation.length} to validate, ` +
      `${dropped.length} across the two dropped, ${others.length} held out`,
  );
  const measurable = (pairs: readonly Pair[], dataset: Dataset, noun: string): PairSet | undefined => {
    if (pairs.length === 0) return undefined;
    if (ranked ? pairs.some(({ score }) => score > 0) : scoresDiffer(pairs)) return pairSet(pairs, dataset);
    const score = `all ${counted(pairs.length, noun)} have the score ${pairs[0].score}`;
    observer?.onWarning?.(`${score}; of constant scores Spearman is undefined: they are not measured`);
    return undefined;
  };
  return {
    train: pairSet(train, data.training),
    validation: measurable(validation, data.training, 'validation pair'),
    heldOut: measurable(others, data.heldOut, 'held-out pair'),
  };
}
