import { foldIn, readMetrics, type Batch, type Key, type MetricSum, type ParamTree } from '@wbdc/nn';
import type { PretrainParams, Pretraining } from './plan.js';
import type { Corpus } from './task.js';

/** A metric over a data set beside what the trivial baseline reaches on the same targets, where there is one. */
export interface Evaluated {
  readonly value: number;
  readonly baseline?: number;
}

/**
 * Losses and metrics of every task over all batches, divided by what was asked: a batch in which nothing is weighs
 * nothing, and what was asked nowhere has no value. The key decides what is masked, so it should stay the same.
 */
export async function evaluate<P extends ParamTree>(
  model: Pretraining<P>,
  params: PretrainParams<P>,
  batches: AsyncIterable<Batch> | Iterable<Batch>,
  corpus: Corpus,
  key: Key,
): Promise<Record<string, Evaluated>> {
  const values = new Means();
  const baselines = new Means();
  let index = 0;
  for await (const batch of batches) {
    const views = model.prepare(batch, foldIn(key, index++));
    values.add(await readMetrics(() => model.loss(params, views)));
    baselines.add(model.baseline(views, corpus));
  }
  const expected = baselines.result();
  return Object.fromEntries(
    Object.entries(values.result()).map(([name, value]) => [
      name,
      name in expected ? { value, baseline: expected[name] } : { value },
    ]),
  );
}

/** Sums and counts by name. */
class Means {
  readonly #totals = new Map<string, { sum: number; count: number }>();

  add(metrics: Readonly<Record<string, MetricSum>>): void {
    for (const [name, { sum, count }] of Object.entries(metrics)) {
      const total = this.#totals.get(name) ?? { sum: 0, count: 0 };
      total.sum += sum;
      total.count += count;
      this.#totals.set(name, total);
    }
  }

  result(): Record<string, number> {
    const asked = [...this.#totals].filter(([, { count }]) => count > 0);
    return Object.fromEntries(asked.map(([name, { sum, count }]) => [name, sum / count]));
  }
}
