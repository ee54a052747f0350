import { WBDC_SPLITS, type WbdcSplit } from '@wbdc/data';
import type { StoredFrameSettings } from './frames.js';
import type { SplitItem } from './item.js';
import type { Warning } from './warnings.js';

/** Counts of videos. A type alias and not an interface, like those below: it counts as plain data. */
export type PreparedCounts = {
  readonly videos: number;
  readonly frames: number;
  /** Videos with a title, OCR or ASR. */
  readonly withText: number;
  /** Level-2 categories that occur. */
  readonly categories: number;
};

/** What was prepared; the same as in `summary.json`. */
export type PrepareSummary = PreparedCounts & {
  readonly settings: StoredFrameSettings & { readonly seed: number; readonly heldOut: number };
  readonly tags: number;
  readonly unreadable: number;
  readonly splits: Readonly<Record<WbdcSplit, PreparedCounts>>;
  /** How many of each kind. */
  readonly warnings: Partial<Record<Warning, number>>;
};

export function countItems(items: readonly SplitItem[]): PreparedCounts & Pick<PrepareSummary, 'splits'> {
  const splits = WBDC_SPLITS.map((split) => [split, countAll(items.filter((item) => item.split === split))] as const);
  return { ...countAll(items), splits: Object.fromEntries(splits) as Record<WbdcSplit, PreparedCounts> };
}

function countAll(items: readonly SplitItem[]): PreparedCounts {
  return {
    videos: items.length,
    frames: items.reduce((sum, { decoded }) => sum + decoded.frames, 0),
    withText: items.filter(hasText).length,
    categories: new Set(items.flatMap(({ categoryId }) => categoryId ?? [])).size,
  };
}

export function hasText({ text: { title, ocr, asr } }: Pick<SplitItem, 'text'>): boolean {
  return title !== '' || asr !== '' || ocr.length > 0;
}
