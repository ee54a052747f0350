import type { Batch, Key } from '@wbdc/nn/plain';
import { Thread, besideProgram, reviveError } from '@wbdc/io/threads';
import { DataError, type OnBad } from '../files/data-error.js';
import type { BatchReply, BatchRequest, SharedDataset } from './shared-dataset.js';

/** Reads the batches of a data set on a thread that shares its memory and opens the files of its features anew. */
export class BatchReader {
  readonly #thread: Thread<BatchRequest, BatchReply>;

  constructor(
    shared: SharedDataset,
    /** Told of videos whose features cannot be read, once each. */
    private readonly onUnreadable: OnBad,
  ) {
    this.#thread = new Thread({
      program: besideProgram('batch-worker', import.meta.url),
      name: 'the thread that reads batches',
      data: shared,
      revive: (failure) => (failure.name === 'DataError' ? new DataError(failure.message) : reviveError(failure)),
    });
  }

  async read(indices: readonly number[], key: Key | undefined): Promise<Batch> {
    const { batch, unreadable } = await this.#thread.ask({ indices, key });
    for (const message of unreadable) this.onUnreadable(new DataError(message));
    return batch;
  }

  /** Batches in hand are rejected. */
  close(): Promise<void> {
    return this.#thread.close();
  }
}
