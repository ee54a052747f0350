import type { z } from 'zod';

/** Refinement of a transformer's sizes: every head takes the same share of the width. */
export function divisibleHeads(sizes: { width: number; heads: number }, context: z.RefinementCtx): void {
  if (sizes.width % sizes.heads === 0) return;
  const message = `expected a divisor of width (${sizes.width}), got ${sizes.heads}`;
  context.addIssue({ code: 'custom', path: ['heads'], message });
}
