import { leastDivergence } from './divergence.js';

/**
 * How often values lie where, in bins of one width around zero that grow with the values, and what share of them lies
 * between two: as `PercentileCalibrater` and `EntropyCalibrater` of onnxruntime.quantization count them, in the
 * arithmetic of NumPy's float32.
 */
export class Histogram {
  #counts: Float64Array;
  #threshold = -1;
  #min = Infinity;
  #max = -Infinity;

  /** @param bins at first, an even number */
  constructor(bins = BINS) {
    this.#counts = new Float64Array(bins);
  }

  get min(): number {
    return this.#min;
  }

  get max(): number {
    return this.#max;
  }

  add(values: Float32Array): void {
    let [min, max] = [Infinity, -Infinity];
    for (const value of values) {
      if (value < min) min = value;
      if (value > max) max = value;
    }
    if (values.length === 0) return;
    [this.#min, this.#max] = [Math.min(this.#min, min), Math.max(this.#max, max)];
    const threshold = Math.max(Math.abs(min), Math.abs(max));
    if (this.#threshold <= 0) this.#threshold = threshold;
    else if (threshold > this.#threshold) this.#widen(threshold);
    this.#count(values);
  }

  /** From where to where all but this share of the values lie; as much of it is cut on both sides. */
  between(cut: number): { readonly min: number; readonly max: number } {
    const edges = this.#edges();
    const total = this.#counts.reduce((sum, count) => sum + count, 0);
    let sum = 0;
    const shares = this.#counts.map((count) => (sum += count / total));
    const place = (share: number): number =>
      edges[(shares.findIndex((one) => one >= share) + edges.length) % edges.length];
    return this.#within(place(cut / 2), place(1 - cut / 2));
  }

  /** From where to where 128 steps say most of how the values are distributed; of a histogram of 128 bins at first. */
  informative(): { readonly min: number; readonly max: number } {
    const edges = this.#edges();
    const { from, to } = leastDivergence(this.#counts);
    return this.#within(edges[from], edges[to]);
  }

  #within(min: number, max: number): { readonly min: number; readonly max: number } {
    return { min: Math.max(min, this.#min), max: Math.min(max, this.#max) };
  }

  #widen(threshold: number): void {
    const bins = this.#counts.length;
    const stride = Math.fround(Math.fround(2 * this.#threshold) / bins);
    const more = Math.floor(Math.fround(Math.fround(threshold - this.#threshold) / stride) + 1);
    const counts = new Float64Array(bins + 2 * more);
    counts.set(this.#counts, more);
    this.#counts = counts;
    this.#threshold = Math.fround(Math.fround(more * stride) + this.#threshold);
  }

  #count(values: Float32Array): void {
    const [counts, edges] = [this.#counts, this.#edges()];
    const bins = counts.length;
    const [first, width] = [edges[0], edges[bins] - edges[0]];
    for (const value of values) {
      if (!(value >= first && value <= edges[bins])) continue;
      let bin = width === 0 ? bins >> 1 : Math.min(bins - 1, Math.floor(((value - first) / width) * bins));
      if (value < edges[bin]) bin--;
      else if (bin < bins - 1 && value >= edges[bin + 1]) bin++;
      counts[bin]++;
    }
  }

  /** As `linspace` has them. */
  #edges(): Float32Array {
    const bins = this.#counts.length;
    const threshold = Math.max(this.#threshold, 0);
    const step = Math.fround(Math.fround(2 * threshold) / bins);
    const edges = Float32Array.from({ length: bins + 1 }, (_, i) => Math.fround(i * step) - threshold);
    edges[bins] = threshold;
    return edges;
  }
}

const BINS = 2048;
