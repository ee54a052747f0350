import type { Tensor2D } from '@tensorflow/tfjs';
import type { Batch } from '@wbdc/nn';
import { takeValuesOf } from './rows.js';

/** Class probabilities of some videos. */
export interface Predicted {
  readonly ids: readonly string[];
  /** `[ids.length, C]` */
  readonly values: Float32Array;
}

/** Predicts batch after batch. @param predict probabilities `[B, C]`, see `categoryModel` */
export async function* predictBatches(
  batches: AsyncIterable<Batch>,
  predict: (batch: Batch) => Tensor2D,
  signal?: AbortSignal,
): AsyncGenerator<Predicted> {
  for await (const batch of batches) {
    signal?.throwIfAborted();
    yield { ids: batch.ids, values: takeValuesOf(predict(batch)) };
  }
}
