import * as tf from '@tensorflow/tfjs';
import type { Tensor2D } from '@tensorflow/tfjs';
import type { Communicator } from '@wbdc/distributed';
import { differentiable } from '@wbdc/nn';

/**
 * The first `count` rows of every process one after another, by rank: x `[Q, D]` to `[B, D]`. The gradient of a row is
 * the sum of those that it has on all processes, so every process must take part in the backward pass.
 */
export function gatherFromAll(communicator: Communicator, x: Tensor2D, count = x.shape[0]): Tensor2D {
  const width = x.shape[1];
  let [first, total] = [0, 0];
  return differentiable<Tensor2D>(
    [x],
    () => {
      const own = x.dataSync<'float32'>().slice(0, count * width);
      const parts = communicator.blocking.allGatherParts(own);
      const lengths = parts.map(({ length }) => length / width);
      first = lengths.slice(0, communicator.rank).reduce((sum, length) => sum + length, 0);
      total = lengths.reduce((sum, length) => sum + length, 0);
      const all = new Float32Array(total * width);
      let start = 0;
      for (const part of parts) {
        all.set(part, start);
        start += part.length;
      }
      return { value: tf.tensor2d(all, [total, width]), saved: [] };
    },
    (dy) => {
      const sums = dy.dataSync<'float32'>().slice();
      communicator.blocking.allReduce(sums);
      const own = new Float32Array(x.size);
      own.set(sums.subarray(first * width, (first + count) * width));
      return [tf.tensor2d(own, x.shape)];
    },
  );
}
