import type { MfmTarget, MlmTarget, PreparedView } from '@wbdc/pretrain-tasks';
import type { MatmulShape } from './peer.js';
import type { Recipe } from './recipe.js';

/** A matrix product of the step's forward pass, how often it runs, and how often again in the backward pass. */
export interface Product {
  readonly what: string;
  readonly shape: MatmulShape;
  readonly times: number;
  /** 2: gradients of both factors; 1: where the input needs none. */
  readonly backward: 1 | 2;
}

/** All matrix products of our step on a batch. */
export function products(recipe: Recipe, { batch, targets }: PreparedView): Product[] {
  const { width, intermediate, layers, heads, vocabulary, frameSize, tags } = recipe;
  const [masked, frames] = targets as [MlmTarget, MfmTarget];
  const [videos, length] = batch.tokens.shape;
  const count = batch.frameMask.shape[1];
  const positions = length + count;
  const rows = videos * positions;
  const product = (what: string, shape: MatmulShape, times = 1, backward: 1 | 2 = 2): Product => {
    return { what, shape, times, backward };
  };
  return [
    product('query, key, value, output', [rows, width, width], 4 * layers),
    product('feed forward, up', [rows, width, intermediate], layers),
    product('feed forward, down', [rows, intermediate, width], layers),
    product('attention scores', [positions, width / heads, positions, heads * videos], layers),
    product('attention mixing', [positions, positions, width / heads, heads * videos], layers),
    product('frames', [videos * count, frameSize, width], 1, 1),
    product('mlm transform', [masked.rows.length, width, width]),
    product('mlm vocabulary', [masked.rows.length, width, vocabulary]),
    product('mfm heads', [frames.rows.length, width, width], 2),
    product('mfm similarities', [frames.rows.length, frameSize, videos * count], 1, 1),
    product('tag', [videos, width, tags]),
  ];
}

/** Operations of a product, forward and backward: a multiplication and an addition each. */
export function flopsOf({ shape: [m, k, n, products = 1], times, backward }: Product): number {
  return 2 * m * k * n * products * times * (1 + backward);
}
