import type { IndexFilter } from './filter.js';
import type { IndexedVideo, ModelVector } from './rows.js';

/** What is looked for: something near to vectors, something with words in it, or both. */
export interface IndexQuery {
  /** Of one or more models of the index. */
  readonly vectors?: readonly ModelVector[];
  /** Of title, OCR and ASR. */
  readonly words?: string;
  readonly filter?: IndexFilter;
  /** How many to give; 10. */
  readonly limit?: number;
  /** How many to leave out before; 0. */
  readonly offset?: number;
  /** Compares with every vector, however many there are. */
  readonly exact?: boolean;
}

/** A video that was found. */
export interface IndexHit {
  readonly video: IndexedVideo;
  /**
   * Its cosine where one vector was asked for, its BM25 where words were; of several rankings their reciprocal rank
   * fusion, whose values are small and only compare within one query.
   */
  readonly score: number;
  /** Where it stands in each ranking that has it: `words` and the names of models. */
  readonly ranks: Readonly<Record<string, { readonly rank: number; readonly score: number }>>;
}
