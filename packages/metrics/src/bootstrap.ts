/** Of a bootstrap. */
export interface BootstrapOptions {
  /** Resamples; 2,000. */
  readonly samples?: number;
  /** The same seed draws the same resamples: models that were measured on the same items compare. Default 0. */
  readonly seed?: number;
  /** Aborting it ends the bootstrap with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/** An interval that holds the true value with a probability; NaN where too few resamples have a value. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** What a measurement is on a resample that holds item i `counts[i]` times. */
export type CountedStatistic = (counts: ArrayLike<number>) => Readonly<Record<string, number>>;

/**
 * The nonparametric bootstrap (Efron 1979): measures again and again on as many items drawn with replacement.
 *
 * @param size items to draw from
 * @returns by name of the measurement its values, one a resample, in the order of the resamples
 */
export function bootstrap(
  size: number,
  statistic: CountedStatistic,
  { samples = 2000, seed = 0, signal }: BootstrapOptions = {},
): Record<string, Float64Array> {
  if (!(Number.isInteger(size) && size > 0)) throw new RangeError(`expected items to draw from, got ${size}`);
  if (!(Number.isInteger(samples) && samples > 0)) throw new RangeError(`expected resamples from 1, got ${samples}`);
  const values: Record<string, Float64Array> = {};
  const random = newRandom(seed);
  const counts = new Uint32Array(size);
  for (let sample = 0; sample < samples; sample++) {
    signal?.throwIfAborted();
    counts.fill(0);
    for (let i = 0; i < size; i++) counts[Math.floor(random() * size)]++;
    for (const [name, value] of Object.entries(statistic(counts))) {
      (values[name] ??= new Float64Array(samples))[sample] = value;
    }
  }
  return values;
}

/**
 * The percentile interval of bootstrapped values, as numpy's `percentile` and scipy's `bootstrap` take it. Resamples on
 * which the measurement is undefined (a correlation with a constant) are left out.
 *
 * @throws RangeError on a confidence that is no share
 */
export function percentileInterval(values: ArrayLike<number>, confidence = 0.95): Interval {
  if (!(confidence > 0 && confidence < 1)) throw new RangeError(`expected a confidence from 0 to 1, got ${confidence}`);
  const sorted = Float64Array.from(values)
    .filter((value) => !Number.isNaN(value))
    .sort();
  if (sorted.length < values.length / 2) return { low: NaN, high: NaN };
  const tail = (1 - confidence) / 2;
  return { low: quantile(sorted, tail), high: quantile(sorted, 1 - tail) };
}

/** How much more one model reaches than another on the same items. */
export interface PairedDifference extends Interval {
  /** Two-sided, of no difference; NaN where the interval is. */
  readonly p: number;
  /** Whether the interval leaves 0 out: the difference is larger than chance makes it. */
  readonly significant: boolean;
}

/**
 * The paired bootstrap: the differences of two models on the *same* resamples, which is all that a comparison may look
 * at; intervals of each alone overlap long before a difference is chance.
 *
 * @param first  values of one model, resample by resample; `second` of the other, from the same seed
 */
export function pairedDifference(
  first: ArrayLike<number>,
  second: ArrayLike<number>,
  confidence = 0.95,
): PairedDifference {
  if (first.length !== second.length) {
    throw new RangeError(`expected as many resamples of both, got ${first.length} and ${second.length}`);
  }
  const differences = Float64Array.from(first, (value, i) => value - second[i]);
  const { low, high } = percentileInterval(differences, confidence);
  const known = differences.filter((value) => !Number.isNaN(value));
  const [down, up] = [known.filter((value) => value <= 0).length, known.filter((value) => value >= 0).length];
  const p = Number.isNaN(low) ? NaN : Math.min(1, (2 * (Math.min(down, up) + 1)) / (known.length + 1));
  return { low, high, p, significant: low > 0 || high < 0 };
}

/** numpy's linear interpolation between the values around a place. */
function quantile(sorted: Float64Array, share: number): number {
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  if (sorted[above] === sorted[below]) return sorted[below]; // infinities have no difference
  return sorted[below] + (sorted[above] - sorted[below]) * (place - below);
}

/** Uniform in [0, 1): sfc32 (Doty-Humphrey, PractRand), seeded through a few rounds of its own. */
function newRandom(seed: number): () => number {
  let [a, b, c, d] = [0x9e3779b9, seed | 0, Math.floor(seed / 2 ** 32) | 0, 1];
  const next = (): number => {
    const sum = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    c |= 0;
    return sum >>> 0;
  };
  for (let i = 0; i < 16; i++) next();
  return () => next() / 2 ** 32;
}
