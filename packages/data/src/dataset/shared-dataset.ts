import type { Batch, Key } from '@wbdc/nn/plain';
import type { SharedSource } from '../store/feature-source.js';
import type { SharedColumns } from './columns.js';
import { aiacStride, evenStride } from './sampling.js';

/** A data set in shared memory and by its files: plain data, for {@link openSharedDataset}. */
export interface SharedDataset {
  readonly columns: SharedColumns;
  readonly features: SharedSource;
  readonly vocabSize: number;
  readonly maxFrames: number;
  readonly randomFrames: boolean;
  readonly stride: keyof typeof STRIDES;
}

/** Strides by name: functions cannot cross threads. */
export const STRIDES = { even: evenStride, aiac: aiacStride } as const;

/** What the thread is asked for. */
export interface BatchRequest {
  readonly indices: readonly number[];
  readonly key: Key | undefined;
}

export interface BatchReply {
  readonly batch: Batch;
  /** Of videos whose features could not be read, each once. */
  readonly unreadable: readonly string[];
}
