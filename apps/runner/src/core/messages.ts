import { z } from 'zod';

const stageMessage = z.object({
  type: z.literal('stage'),
  stage: z.string(),
  /** Whether something of an earlier attempt was there. */
  state: z.enum(['started', 'resumed']),
});

const progressMessage = z.object({
  type: z.literal('progress'),
  done: z.number(),
  total: z.number(),
  /** What is counted, in the plural. */
  unit: z.string(),
  /** More to say of this moment: losses, rates. */
  note: z.string(),
});

const outcomeMessage = z.object({
  type: z.literal('outcome'),
  /** `found`: it was complete before. */
  outcome: z.enum(['done', 'found', 'interrupted', 'failed']),
  /** What was measured on held-out data: `mlm/accuracy`, and `mlm/accuracy baseline` beside it. */
  scores: z.record(z.string(), z.number()).optional(),
  /** Why it failed. */
  error: z.string().optional(),
});

/** What the process of a stage sends to the one that started it: that it begins, how far it is, what came of it. */
export const jobMessageSchema = z.discriminatedUnion('type', [stageMessage, progressMessage, outcomeMessage]);

export type JobMessage = z.infer<typeof jobMessageSchema>;
export type ProgressMessage = z.infer<typeof progressMessage>;
export type OutcomeMessage = z.infer<typeof outcomeMessage>;

/** The numbers among what a stage has measured, as a message can carry them: JSON has no NaN. */
export function scoresOf(measured: unknown): Record<string, number> {
  if (typeof measured !== 'object' || measured === null) return {};
  const numbers = Object.entries(measured).filter((entry): entry is [string, number] => Number.isFinite(entry[1]));
  return Object.fromEntries(numbers);
}

/** Where the process of a stage writes its messages, one a line, that has no parent beside it. */
export const MESSAGES_VARIABLE = 'WBDC_MESSAGES';

/** A line that such a process wrote; nothing where it is none. */
export function parseJobMessage(line: string): JobMessage | undefined {
  try {
    return jobMessageSchema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
