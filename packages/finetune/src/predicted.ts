import type { Tensor2D } from '@tensorflow/tfjs';
import { WbdcError } from '@wbdc/io/errors';
import type { Batch } from '@wbdc/nn';
import { takeValuesOf } from './rows.js';

/** Class probabilities of some videos. */
export interface Predicted {
  readonly ids: readonly string[];
  /** `[ids.length, C]` */
  readonly values: Float32Array;
}

/**
 * Predicts batch after batch.
 * @param predict probabilities `[B, C]`, see `categoryModel`
 * @throws WbdcError naming the video of a row that is no answer: its logits have left the range of float32
 */
export async function* predictBatches(
  batches: AsyncIterable<Batch>,
  predict: (batch: Batch) => Tensor2D,
  signal?: AbortSignal,
): AsyncGenerator<Predicted> {
  for await (const batch of batches) {
    signal?.throwIfAborted();
    const values = takeValuesOf(predict(batch));
    const bad = values.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) {
      const id = batch.ids[Math.floor((bad * batch.ids.length) / values.length)];
      throw new WbdcError(`${id}: expected probabilities, got ${values[bad]}: its logits are too large for float32`);
    }
    yield { ids: batch.ids, values };
  }
}
