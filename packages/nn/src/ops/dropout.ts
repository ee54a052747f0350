import type { Tensor } from '@tensorflow/tfjs';
import type { Key } from '../random.js';
import { hostFunction } from './host-function.js';
import { differentiable } from './kernel.js';

/**
 * Dropout (Srivastava et al., 2014): zeroes a share of the values and scales the rest by `1 / (1 - rate)`. Without a
 * key, nothing happens. The mask is a function of key and position: it is the same on every engine, and the backward
 * pass draws it again instead of keeping it.
 */
export function dropout<T extends Tensor>(x: T, rate: number, key: Key | undefined): T {
  if (!key || rate === 0) return x;
  if (!(rate > 0 && rate < 1)) throw new RangeError(`dropout: expected a rate in [0, 1), got ${rate}`);
  const apply = (t: Tensor): Tensor => hostFunction(t, t.shape, (from, to) => maskInto(from, to, rate, key));
  return differentiable<Tensor>(
    [x],
    () => ({ value: apply(x), saved: [] }),
    (dy) => [apply(dy)],
  ) as T;
}

/** One 32-bit hash of the position decides on two values, 16 bits each: half the cost of the step's many masks. */
function maskInto(from: Float32Array, to: Float32Array, rate: number, [offset, flip]: Key): void {
  const threshold = Math.round(rate * 65536);
  const scale = 65536 / (65536 - threshold);
  const length = from.length;
  for (let i = 0, weyl = offset | 0; i < length; i += 2, weyl = (weyl + 0x9e3779b9) | 0) {
    let h = weyl ^ flip;
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    h ^= h >>> 16;
    to[i] = (h & 0xffff) < threshold ? 0 : from[i] * scale;
    if (i + 1 < length) to[i + 1] = h >>> 16 < threshold ? 0 : from[i + 1] * scale;
  }
}
