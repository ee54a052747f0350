/** The process of a stage begins it. */
interface StageMessage {
  readonly type: 'stage';
  readonly stage: string;
  /** Whether something of an earlier attempt was there. */
  readonly state: 'started' | 'resumed';
}

export interface ProgressMessage {
  readonly type: 'progress';
  readonly done: number;
  readonly total: number;
  /** What is counted, in the plural. */
  readonly unit: string;
  /** More to say of this moment: losses, rates. */
  readonly note: string;
}

export interface OutcomeMessage {
  readonly type: 'outcome';
  /** `found`: it was complete before. */
  readonly outcome: 'done' | 'found' | 'interrupted' | 'failed';
  /** What was measured on held-out data: `mlm/accuracy`, and `mlm/accuracy baseline` beside it. */
  readonly scores?: Readonly<Record<string, number>>;
  /** Why it failed. */
  readonly error?: string;
}

/** What the process of a stage sends to the one that started it: that it begins, how far it is, what came of it. */
export type JobMessage = StageMessage | ProgressMessage | OutcomeMessage;

/** The numbers among what a stage has measured, as a message can carry them: JSON has no NaN. */
export function scoresOf(measured: unknown): Record<string, number> {
  if (typeof measured !== 'object' || measured === null) return {};
  const numbers = Object.entries(measured).filter((entry): entry is [string, number] => Number.isFinite(entry[1]));
  return Object.fromEntries(numbers);
}
