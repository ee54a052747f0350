import * as tf from '@tensorflow/tfjs';
import type { Scalar, Tensor, Tensor2D } from '@tensorflow/tfjs';
import { differentiable, fusedKernel, hasKernel } from './kernel.js';

/** Mean cross entropy of rows of logits `[N, C]` against one class each `[N]`: `mean(logsumexp(x) - x[label])`. */
export function softmaxCrossEntropy(logits: Tensor2D, labels: Int32Array): Scalar {
  const [rows, classes] = logits.shape;
  assertLabels(labels, rows, classes);
  if (rows === 0) return tf.scalar(0);
  if (classes === 1) return tf.mul(tf.sum(logits), 0); // no doubt, and tf.oneHot refuses a depth of 1
  return differentiable<Scalar>(
    [logits],
    () => {
      if (hasKernel('WbdcSoftmaxCrossEntropy')) {
        const classes = tf.tensor1d(labels, 'int32');
        const [value, rows] = fusedKernel('WbdcSoftmaxCrossEntropy', { logits, labels: classes }, {})!;
        return { value: value as Scalar, saved: [logits, classes, rows] };
      }
      const logProbabilities = tf.logSoftmax(logits); // [N, C]
      const flat = Int32Array.from(labels, (label, row) => row * classes + label);
      const picked = tf.gather(tf.reshape(logProbabilities, [rows * classes]), flat); // [N]
      return { value: tf.neg(tf.mean(picked)), saved: [logProbabilities] };
    },
    (dy, [first, ...own]) => {
      if (own.length > 0) {
        const [labels, saved] = own;
        return fusedKernel('WbdcSoftmaxCrossEntropyGrad', { dy, logits: first, labels, saved }, {})!;
      }
      const logProbabilities = first;
      const surplus = tf.sub(tf.exp(logProbabilities), tf.oneHot(tf.tensor1d(labels, 'int32'), classes));
      return [tf.mul(surplus, tf.div(dy, rows))];
    },
  );
}

function assertLabels(labels: Int32Array, rows: number, classes: number): void {
  if (labels.length !== rows) throw new RangeError(`cross entropy: expected ${rows} labels, got ${labels.length}`);
  const wrong = labels.findIndex((label) => label < 0 || label >= classes);
  if (wrong >= 0) {
    throw new RangeError(`cross entropy: expected labels in [0, ${classes}), got ${labels[wrong]} in row ${wrong}`);
  }
}

/** Mean binary cross entropy of logits against targets in [0, 1] of the same shape, as `BCEWithLogitsLoss`. */
export function sigmoidCrossEntropy(logits: Tensor, targets: Tensor): Scalar {
  tf.util.assertShapesMatch(logits.shape, targets.shape, 'sigmoidCrossEntropy: ');
  return differentiable<Scalar>(
    [logits],
    () => {
      const fused = fusedKernel('WbdcSigmoidCrossEntropy', { logits, targets }, {});
      if (fused) return { value: fused[0] as Scalar, saved: [logits, targets] };
      const smooth = tf.log1p(tf.exp(tf.neg(tf.abs(logits)))); // log(1 + exp(-|x|)): no overflow
      const value = tf.mean(tf.add(tf.sub(tf.relu(logits), tf.mul(logits, targets)), smooth));
      return { value: value as Scalar, saved: [logits, targets] };
    },
    (dy, [logits, targets]) =>
      fusedKernel('WbdcSigmoidCrossEntropyGrad', { dy, logits, targets }, {}) ?? [
        tf.mul(tf.sub(tf.sigmoid(logits), targets), tf.div(dy, logits.size)),
      ],
  );
}

/** Of rows `[N, C]`, how many have their largest value at the label; of equals the first. A row with a NaN has none. */
export function countCorrect(logits: Tensor2D, labels: Int32Array): Scalar {
  if (labels.length === 0) return tf.scalar(0);
  if (hasKernel('WbdcCountCorrect')) {
    return fusedKernel('WbdcCountCorrect', { logits, labels: tf.tensor1d(labels, 'int32') }, {})![0] as Scalar;
  }
  const hits = tf.equal(tf.argMax(logits, 1), tf.tensor1d(labels, 'int32'));
  const total = tf.sum(logits, 1); // NaN where one is; argMax answers the first place there
  return tf.sum(tf.cast(tf.logicalAnd(hits, tf.equal(total, total)), 'float32'));
}

/**
 * Rows scaled to length 1, as PyTorch's `F.normalize`: what is shorter than 1e-12 is divided by that, so that a zero
 * row stays zero, with a finite gradient.
 */
export function l2Normalize(x: Tensor2D): Tensor2D {
  return tf.mul(x, tf.rsqrt(tf.maximum(tf.sum(tf.square(x), 1, true), 1e-24)));
}

/**
 * Rows of `[..., D]` by flat index: `[N, D]`. tfjs's own gradient of a lookup would transpose the whole table twice, to
 * no effect.
 */
export function gatherRows(x: Tensor, rows: Int32Array): Tensor2D {
  const { shape } = x;
  const width = shape.at(-1)!;
  const count = x.size / width;
  return differentiable<Tensor2D>(
    [x],
    () => {
      const indices = tf.tensor1d(rows, 'int32');
      const fused = fusedKernel('WbdcGatherRows', { x, rows: indices }, {});
      const value = fused?.[0] ?? tf.gather(tf.reshape(x, [count, width]), indices);
      return { value: value as Tensor2D, saved: [indices] };
    },
    (dy, [indices]) =>
      fusedKernel('WbdcGatherRowsGrad', { dy, rows: indices }, { shape }) ?? [
        tf.reshape(tf.unsortedSegmentSum(dy, indices as tf.Tensor1D, count), shape),
      ],
  );
}

/**
 * Symmetric InfoNCE (van den Oord et al., arXiv 1807.03748; CLIP, arXiv 2103.00020): matching rows of two sets `[B, D]`
 * of unit vectors find each other among all, in both directions. `logScale` is the logarithm of the inverse
 * temperature. `right` may have more rows `[B + M, D]`: further wrong answers, which look for none themselves. `hidden`
 * `[B, B + M]` is added to the logits: -1e9 where a row of `right` is no wrong answer.
 */
export function symmetricInfoNce(
  left: Tensor2D,
  right: Tensor2D,
  logScale: Scalar,
  hidden?: Tensor2D,
): { loss: Scalar; logits: Tensor2D } {
  const similarity: Tensor2D = tf.mul(tf.matMul(left, right, false, true), tf.exp(logScale)); // [B, B + M]
  const logits: Tensor2D = hidden === undefined ? similarity : tf.add(similarity, hidden); // [B, B + M]
  const count = left.shape[0];
  const diagonal = Int32Array.from({ length: count }, (_, i) => i);
  const back: Tensor2D = tf.transpose(tf.slice(logits, [0, 0], [count, count])); // [B, B]
  const both = tf.add(softmaxCrossEntropy(logits, diagonal), softmaxCrossEntropy(back, diagonal));
  return { loss: tf.mul(both, 0.5), logits };
}

/**
 * Mean over the positions that the mask keeps: x `[B, N, D]`, mask `[B, N]` of 1 and 0, to `[B, D]`; zero where none.
 */
export function meanPool(x: tf.Tensor3D, mask: { data: Int32Array; shape: readonly number[] }): Tensor2D {
  const [batch, length] = mask.shape;
  const weights = Float32Array.from(mask.data);
  for (let row = 0; row < batch; row++) {
    const values = weights.subarray(row * length, (row + 1) * length);
    const count = values.reduce((sum, value) => sum + value, 0);
    if (count > 0) values.forEach((value, i) => (values[i] = value / count));
  }
  const pooled = tf.matMul(tf.tensor3d(weights, [batch, 1, length]), x); // [B, 1, D]
  return tf.reshape(pooled, [batch, x.shape[2]]);
}
