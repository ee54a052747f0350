/** As many steps as half of 8 bits has. */
const STEPS = 128;
/** Takes the place of a count of none: where one distribution has something, the other must not have nothing. */
const LEAST = 1e-4;

/**
 * Of all stretches around the middle bin the one whose counts differ least from what {@link STEPS} steps leave of them,
 * by Kullback and Leibler; what lies outside counts as the outermost bin. It is the choice of `EntropyCalibrater` of
 * onnxruntime.quantization. Takes time with the square of the number of bins.
 *
 * @param counts of bins of one width around zero, an even number of 128 or more
 * @returns the first bin, and the one behind the last
 */
export function leastDivergence(counts: ArrayLike<number>): { readonly from: number; readonly to: number } {
  const bins = counts.length;
  const before = new Float64Array(bins + 1);
  for (let i = 0; i < bins; i++) before[i + 1] = before[i] + counts[i];
  let best = { from: 0, to: bins };
  let least = Infinity;
  for (let half = STEPS / 2; half <= bins / 2; half++) {
    const [from, to] = [bins / 2 - half, Math.min(bins / 2 + half + 1, bins)];
    const wanted = Float64Array.from({ length: to - from }, (_, i) => counts[from + i]);
    const coarse = inSteps(wanted, before, from);
    wanted[0] += before[from];
    wanted[wanted.length - 1] += before[bins] - before[to];
    spread(coarse, wanted);
    const divergence = divergenceOf(wanted, coarse.values);
    if (divergence < least || half === STEPS / 2) [least, best] = [divergence, { from, to }];
  }
  return best;
}

interface Coarse {
  /** How many bins a step joins; the last one has those that are left over too. */
  readonly joined: number;
  readonly sums: Float64Array;
  /** A value for each bin. */
  readonly values: Float64Array;
}

function inSteps({ length }: Float64Array, before: Float64Array, from: number): Coarse {
  const joined = Math.floor(length / STEPS);
  const sums = Float64Array.from({ length: STEPS }, (_, step) => {
    const end = step === STEPS - 1 ? length : (step + 1) * joined;
    return before[from + end] - before[from + step * joined];
  });
  return { joined, sums, values: new Float64Array(length) };
}

/** Gives what a step has counted to its bins in equal parts, whole ones, if some of them have anything. */
function spread({ joined, sums, values }: Coarse, wanted: Float64Array): void {
  for (const [step, sum] of sums.entries()) {
    const [start, end] = [step * joined, (step + 1) * joined];
    const filled = wanted.subarray(start, end).reduce((count, one) => count + Number(one !== 0), 0);
    if (filled > 0) values.fill(Math.trunc(sum / filled), start, end);
  }
}

/** Infinite where one of them has nothing at all. */
function divergenceOf(wanted: Float64Array, got: Float64Array): number {
  const [p, q] = [smoothed(wanted), smoothed(got)];
  if (p === undefined || q === undefined) return Infinity;
  return p.reduce((sum, value, i) => sum + value * Math.log(value / q[i]), 0);
}

/** Shares, of which none is nothing; none at all where there is nothing to share. */
function smoothed(counts: Float64Array): Float64Array | undefined {
  const none = counts.reduce((sum, one) => sum + Number(one === 0), 0);
  if (none === counts.length) return undefined;
  const less = (LEAST * none) / (counts.length - none);
  const values = counts.map((one) => (one === 0 ? LEAST : one - less));
  const total = values.reduce((sum, value) => sum + value, 0);
  return values.map((value) => value / total);
}
