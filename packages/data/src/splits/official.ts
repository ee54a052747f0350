import { foldIn, randomKey, type Key } from '@wbdc/nn/plain';
import { DataError } from '../files/data-error.js';
import { groupBy } from '../group-by.js';
import { stratifiedGroupSplit } from './stratified.js';

/** The splits of WBDC 2022 under their official names; `test_a` is the held-out one. */
export const WBDC_SPLITS = ['unlabeled', 'labeled', 'test_a'] as const;
export type WbdcSplit = (typeof WBDC_SPLITS)[number];

/** What decides the split of a video. */
export interface SplitCandidate {
  readonly id: string;
  /** As a message names it. */
  readonly name: string;
  /** Videos of one group stay on one side. */
  readonly group: string;
  /** Level 1, level 2; empty where there is no label. */
  readonly category: readonly string[];
  /** What a table asks for: `train`, `test` and their like, in English or Chinese. */
  readonly split?: string | undefined;
}

export interface SplitVideosOptions {
  /** Share of the labelled videos (of all, where none is labelled) that is held out. */
  readonly heldOut: number;
  readonly seed: number;
  /** Splits of an earlier run by id: what was held out stays so. */
  readonly earlier?: ReadonlyMap<string, WbdcSplit>;
  /** Called where a table asks for an unknown split: the video is then divided like the others. */
  readonly onBad: (error: DataError) => void;
}

type Side = 'train' | 'held out';

const SIDES: Readonly<Record<string, Side>> = {
  ...sideNames('train', 'train training labeled unlabeled pretrain 训练 训练集'),
  ...sideNames('held out', 'test test_a testing val valid validation dev eval 测试 测试集 验证 验证集'),
};

function sideNames(side: Side, names: string): Record<string, Side> {
  return Object.fromEntries(names.split(' ').map((name) => [name, side]));
}

/**
 * The split of every video: labelled ones are divided by category, groups stay whole, what the table or an earlier run
 * says comes first. Videos without a label are trained on, unless their group is held out or nothing is labelled.
 */
export function splitVideos<V extends SplitCandidate>(
  videos: readonly V[],
  options: SplitVideosOptions,
): Map<V, WbdcSplit> {
  const anyLabel = videos.some(isLabelled);
  const known = knownSides(videos, options);
  const divided = videos.filter((video) => !anyLabel || isLabelled(video));
  const sides = divide(divided, known, options);
  const sideOfGroup = new Map([...known, ...Array.from(sides, ([{ group }, side]) => [group, side] as const)]);
  return new Map(
    videos.map((video) => {
      if (sideOfGroup.get(video.group) === 'held out') return [video, 'test_a'];
      return [video, isLabelled(video) ? 'labeled' : 'unlabeled'];
    }),
  );
}

function isLabelled({ category }: SplitCandidate): boolean {
  return category.length > 0;
}

type Known = ReadonlyMap<string, Side>;

function divide<V extends SplitCandidate>(
  videos: readonly V[],
  known: Known,
  { heldOut, seed }: SplitVideosOptions,
): Map<V, Side> {
  const key: Key = foldIn(randomKey(seed), 'prepare splits');
  const shares = { train: 1 - heldOut, 'held out': heldOut };
  const split = (stratumOf: (video: V) => string): Map<V, Side> =>
    stratifiedGroupSplit(videos, { shares, key, groupOf: ({ group }) => group, stratumOf, known, carry: true });
  const stratified = split(({ category }) => category.join('/'));
  if (heldOut === 0 || [...stratified.values()].includes('held out')) return stratified;
  // Every category has a single group: hold some out all the same, as without any nothing can be measured.
  const unstratified = split(() => '');
  return withOneHeldOut(unstratified, known);
}

function withOneHeldOut<V extends SplitCandidate>(sides: Map<V, Side>, known: Known): Map<V, Side> {
  if ([...sides.values()].includes('held out')) return sides;
  const groups = groupBy(sides.keys(), ({ group }) => group);
  const free = [...groups].filter(([group]) => !known.has(group));
  if (groups.size < 2 || free.length === 0) return sides;
  for (const video of free.at(-1)![1]) sides.set(video, 'held out');
  return sides;
}

/** What the table says, then what an earlier run decided. A group with both sides is held out. */
function knownSides(videos: readonly SplitCandidate[], { earlier, onBad }: SplitVideosOptions): Map<string, Side> {
  const sides = new Map<string, Side>();
  const note = ({ group }: SplitCandidate, side: Side | undefined): void => {
    if (side === 'held out' || (side === 'train' && !sides.has(group))) sides.set(group, side);
  };
  for (const video of videos) {
    const before = earlier?.get(video.id);
    if (video.split === undefined) note(video, before && (before === 'test_a' ? 'held out' : 'train'));
  }
  for (const video of videos) {
    if (video.split === undefined) continue;
    const side = SIDES[video.split.toLowerCase()];
    if (side === undefined) onBad(unknownSplit(video));
    note(video, side);
  }
  return sides;
}

function unknownSplit({ name, split }: SplitCandidate): DataError {
  return new DataError(
    `${name}: expected a split such as train or test, got '${split}': it is divided like the others`,
  );
}
