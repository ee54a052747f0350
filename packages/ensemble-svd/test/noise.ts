import { javascriptProducts, type Embeddings, type Products } from '@wbdc/ensemble-svd';

/** The minimal standard generator, -0.5 to 0.5; tools/parity/svd.py makes the same. */
export function noise(seed: number, count: number): Float64Array {
  let state = seed;
  return Float64Array.from({ length: count }, () => (state = (state * 48271) % 2147483647) / 2147483647 - 0.5);
}

export const WIDTHS = [7, 11, 5];
export const WEIGHTS = [0.5, 0.3, 0.2];

export function ids(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `v${i}`);
}

/** One model's rows; columns fade so that singular values differ. */
export function model(name: string, rows: number, width: number, seed: number): Embeddings {
  const values = noise(seed, rows * width).map((value, i) => value / (1 + (i % width)));
  return { name, ids: ids(rows), width, values };
}

/** Three models. */
export function models(rows: number, seed: number): Embeddings[] {
  return WIDTHS.map((width, m) => model(`model${m}`, rows, width, seed + m));
}

/** Rows [from, to) of every model. */
export function slice(members: readonly Embeddings[], from: number, to: number): Embeddings[] {
  return members.map(({ name, ids, width, values }) => {
    return { name, width, ids: ids.slice(from, to), values: values.slice(from * width, to * width) };
  });
}

/** All inner products of rows. */
export function innerProducts({ ids, width, values }: Embeddings): number[] {
  const products: number[] = [];
  for (let a = 0; a < ids.length; a++) {
    for (let b = 0; b < ids.length; b++) {
      let sum = 0;
      for (let k = 0; k < width; k++) sum += values[a * width + k] * values[b * width + k];
      products.push(sum);
    }
  }
  return products;
}

export function distance(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(actual[i] - expected[i]);
    if (!(difference <= largest)) largest = difference;
  }
  return largest;
}

/** x^T x of x `[rows, width]`, both halves. */
export async function gram(x: Float64Array, rows: number, width: number, products: Products = javascriptProducts) {
  const sum = new Float64Array(width * width);
  await products.addGram(x, rows, width, sum);
  return sum.map((value, i) =>
    i % width < Math.floor(i / width) ? sum[(i % width) * width + Math.floor(i / width)] : value,
  );
}
