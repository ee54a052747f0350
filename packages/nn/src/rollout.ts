import * as tf from '@tensorflow/tfjs';
import type { Tensor3D } from '@tensorflow/tfjs';
import type { Batch } from './batch.js';
import type { Attended, Encoder, Positions } from './encoder.js';
import type { ParamTree } from './tree.js';

/**
 * Attention rollout (Abnar and Zuidema, arXiv 2005.00928): how much of each token and frame is in each state that an
 * encoder gives, as its attention says. Every attention's mean over the heads counts half, the shortcut around it the
 * other half, and layers multiply; between two streams a state's share comes from the other one's positions.
 *
 * It needs no gradients. What a model *does* with a position it does not say: values and feed-forward layers are left
 * out.
 *
 * @returns `[B, L + F, L + F]`, rows of states and columns of positions; the rows add up to 1, but for what a class
 * token of the frames holds
 */
export function attentionRollout<P extends ParamTree>(encoder: Encoder<P>, params: P, batch: Batch): Tensor3D {
  const [size, length] = batch.tokens.shape;
  const frames = batch.frameMask.shape[1];
  return tf.tidy(() => {
    const steps: Step[] = [];
    encoder.encode(params, batch, {
      attended: ({ queries, keys, weights }: Attended) => {
        const mean = tf.keep(tf.mean(weights, 1) as Tensor3D); // [B, Q, K]
        steps.push({ queries, keys, mean });
      },
    });
    try {
      const own = steps.find(({ queries, keys }) => queries === 'frames' && keys === 'frames');
      const streams = { length, frames: own === undefined ? frames : own.mean.shape[1] };
      const shares = rolledOut(steps, size, streams); // [B, N, N]
      if (streams.frames === frames) return shares;
      return withoutClassToken(shares, length, frames); // [B, L + F, L + F]
    } finally {
      steps.forEach(({ mean }) => mean.dispose());
    }
  });
}

/** One attention, its weights averaged over the heads. */
interface Step extends Pick<Attended, 'queries' | 'keys'> {
  /** `[B, Q, K]` */
  readonly mean: Tensor3D;
}

interface Streams {
  readonly length: number;
  /** A class token included. */
  readonly frames: number;
}

function rolledOut(steps: readonly Step[], size: number, { length, frames }: Streams): Tensor3D {
  const start: Readonly<Record<Positions, number>> = { text: 0, both: 0, frames: length };
  const count: Readonly<Record<Positions, number>> = { text: length, both: length + frames, frames };
  const all = length + frames;
  let shares = tf.tile(tf.expandDims(tf.eye(all), 0), [size, 1, 1]) as Tensor3D; // [B, N, N]
  let before = shares;
  steps.forEach(({ queries, keys, mean }, i) => {
    // Of two streams that attend to each other both see the other as it was.
    const mutual = i > 0 && queries !== keys && steps[i - 1].queries === keys && steps[i - 1].keys === queries;
    const source = mutual ? before : shares;
    before = shares;
    const rowsOf = (of: Tensor3D, which: Positions): Tensor3D =>
      tf.slice(of, [0, start[which], 0], [size, count[which], all]);
    const mixed = tf.matMul(mean, rowsOf(source, keys)); // [B, Q, N]
    const renewed = tf.mul(tf.add(mixed, rowsOf(shares, queries)), 0.5) as Tensor3D;
    const [first, last] = [start[queries], start[queries] + count[queries]];
    const parts = [
      tf.slice(shares, [0, 0, 0], [size, first, all]),
      renewed,
      tf.slice(shares, [0, last, 0], [size, all - last, all]),
    ];
    shares = tf.concat(
      parts.filter(({ shape }) => shape[1] > 0),
      1,
    ) as Tensor3D;
  });
  return shares;
}

function withoutClassToken(shares: Tensor3D, length: number, frames: number): Tensor3D {
  const kept = [...Array(length).keys(), ...Array.from({ length: frames }, (_, i) => length + 1 + i)];
  const indices = tf.tensor1d(kept, 'int32');
  return tf.gather(tf.gather(shares, indices, 1), indices, 2) as Tensor3D;
}
