/** What one update did. */
export interface StepRecord {
  readonly type: 'step';
  /** Updates done, this one included: the first is 1. */
  readonly step: number;
  /** Mean over the batches of this update. */
  readonly loss: number;
  /** The largest of all parameters' learning rates, schedule included. */
  readonly learningRate: number;
  /** Norm of all gradients together, before clipping; 0 where the update was left out. */
  readonly gradNorm: number;
  /** The update was left out: a gradient did not fit into float16. The scale of the loss is half of what it was. */
  readonly skipped?: true;
  /** Means by name; metrics with nothing to count are left out. */
  readonly metrics: Readonly<Record<string, number>>;
  /** Seconds for this update, waiting for data included. */
  readonly seconds: number;
  /** Of these, until its batches were there. */
  readonly waited?: number;
  /** Where the loop has the option `ids`. */
  readonly videosPerSecond?: number;
}

/** The result of an evaluation. */
export interface EvaluationRecord {
  readonly type: 'evaluation';
  readonly step: number;
  readonly metrics: Readonly<Record<string, number>>;
  readonly seconds: number;
}

export type TelemetryRecord = StepRecord | EvaluationRecord;

/** Where records go: a file, a progress bar, a dashboard. */
export interface Sink {
  write(record: TelemetryRecord): void | Promise<void>;
  /** Called before a checkpoint: what was written must outlast a crash. */
  flush?(): void | Promise<void>;
  close?(): void | Promise<void>;
}

/** A sink that knows what share of the steps was waiting for data. */
export function waitingSink(): Sink & { share(): number } {
  const total = { seconds: 0, waited: 0 };
  return {
    write: (record) => {
      if (record.type !== 'step') return;
      total.seconds += record.seconds;
      total.waited += record.waited ?? 0;
    },
    share: () => total.waited / total.seconds,
  };
}
