import { answerRequests } from '@wbdc/io/threads';
import { openSharedDataset, readBatch } from './packed-dataset.js';
import type { BatchReply, BatchRequest, SharedDataset } from './shared-dataset.js';

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
