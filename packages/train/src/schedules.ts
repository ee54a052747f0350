/**
 * The factor on the learning rates at a step: `step` updates are done, `total` will be. Pure functions, so a resumed
 * run needs no state. The first `warmup` steps rise from 0: the very first update then changes nothing, as in
 * transformers' `optimization.py`, whose values these are.
 */
export type Schedule = (step: number, total: number, warmup: number) => number;

/** Rises linearly, then falls to 0 along half a cosine (`get_cosine_schedule_with_warmup`). */
export function warmupCosine(step: number, total: number, warmup: number): number {
  if (step < warmup) return step / Math.max(1, warmup);
  return 0.5 * (1 + Math.cos(Math.PI * progress(step, total, warmup)));
}

/** Rises linearly, then falls linearly to 0 (`get_linear_schedule_with_warmup`). */
export function warmupLinear(step: number, total: number, warmup: number): number {
  if (step < warmup) return step / Math.max(1, warmup);
  return 1 - progress(step, total, warmup);
}

/** Rises linearly, then stays (`get_constant_schedule_with_warmup`). */
export function constant(step: number, _total: number, warmup: number): number {
  return step < warmup ? step / Math.max(1, warmup) : 1;
}

/** Share of the steps after warm-up, at most 1: transformers' cosine would rise again past the end. */
function progress(step: number, total: number, warmup: number): number {
  return Math.min(1, (step - warmup) / Math.max(1, total - warmup));
}
