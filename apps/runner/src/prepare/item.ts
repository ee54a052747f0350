import type { Decoded } from './frames.js';
import type { Source } from './scan.js';
import type { TextRecord } from './texts.js';

/** A video that could be read, with what the table says of it. */
export interface Item {
  readonly id: string;
  readonly source: Source;
  readonly text: Omit<TextRecord, 'where'>;
  readonly decoded: Decoded;
}

/** Where a video stands in the data set. */
export interface Placed extends Item {
  readonly split: PreparedSplit;
  readonly categoryId: string | undefined;
}

/** The splits under their official names; `test_a` is the held-out one. */
export const PREPARED_SPLITS = ['unlabeled', 'labeled', 'test_a'] as const;
export type PreparedSplit = (typeof PREPARED_SPLITS)[number];
