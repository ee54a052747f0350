import type { Batch, Key } from '@wbdc/nn/plain';
import { answerRequests } from '@wbdc/io/threads';
import { openSharedDataset, readBatch, type SharedDataset } from './packed-dataset.js';

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

answerRequests<SharedDataset, BatchRequest, BatchReply>((shared) => {
  const unreadable: string[] = [];
  const opening = openSharedDataset(shared, ({ message }) => unreadable.push(message));
  opening.catch(() => undefined); // thrown at the first request
  return async ({ indices, key }) => {
    const batch = await readBatch(await opening, indices, key);
    const arrays = [batch.tokens, batch.segments, batch.textMask, batch.frames, batch.frameMask];
    const transfer = arrays.map(({ data }) => data.buffer as ArrayBuffer);
    return { reply: { batch, unreadable: unreadable.splice(0) }, transfer };
  };
});
