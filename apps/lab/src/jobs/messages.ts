import type { JobMessage } from '@wbdc/runner/jobs';
import { z } from 'zod';

/** What a child may send. */
export const jobMessageSchema: z.ZodType<JobMessage> = z.discriminatedUnion('type', [
  z.object({ type: z.literal('stage'), stage: z.string(), state: z.enum(['started', 'resumed']) }),
  z.object({ type: z.literal('progress'), done: z.number(), total: z.number(), unit: z.string(), note: z.string() }),
  z.object({
    type: z.literal('outcome'),
    outcome: z.enum(['done', 'found', 'interrupted', 'failed']),
    scores: z.record(z.string(), z.number()).exactOptional(),
    error: z.string().exactOptional(),
  }),
]);

/** A line that such a process wrote; nothing where it is none. */
export function parseJobMessage(line: string): JobMessage | undefined {
  try {
    return jobMessageSchema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
