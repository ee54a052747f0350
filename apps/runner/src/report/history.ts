import type { StepRecord, TelemetryRecord } from '@wbdc/train';

/** One training step. */
export type TrainingPoint = Omit<StepRecord, 'type' | 'seconds'>;

/** A value beside what a trivial predictor reaches. */
export interface Measured {
  readonly value: number;
  readonly baseline?: number;
}

/** A measurement on the held-out splits. */
export interface Measurement {
  readonly step: number;
  readonly values: Readonly<Record<string, Measured>>;
}

/** What metrics.jsonl tells. */
export interface History {
  readonly training: readonly TrainingPoint[];
  readonly measurements: readonly Measurement[];
}

const BASELINE = ' baseline';

/** Values and baselines as the flat numbers of a telemetry record: `mlm/accuracy` and `mlm/accuracy baseline`. */
export function flattenMeasured(values: Readonly<Record<string, Measured>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, { value, baseline }]) =>
      baseline === undefined ? [[name, value]] : [[name, value] as const, [name + BASELINE, baseline] as const],
    ),
  );
}

/** The opposite of {@link flattenMeasured}. */
export function gatherMeasured(metrics: Readonly<Record<string, number>>): Record<string, Measured> {
  const names = Object.keys(metrics).filter((name) => !name.endsWith(BASELINE));
  return Object.fromEntries(
    names.map((name) => {
      const baseline = metrics[name + BASELINE];
      return [name, { value: metrics[name], ...(baseline === undefined ? {} : { baseline }) }];
    }),
  );
}

/** Reads the text of a metrics.jsonl. Lines that are no records, such as a torn last one, are left out. */
export function parseHistory(text: string): History {
  const records = text.split('\n').flatMap((line) => parseRecord(line) ?? []);
  return {
    training: records.flatMap((record) => (record.type === 'step' ? [record] : [])),
    measurements: records.flatMap((record) =>
      record.type === 'evaluation' ? [{ step: record.step, values: gatherMeasured(record.metrics) }] : [],
    ),
  };
}

function parseRecord(line: string): TelemetryRecord | undefined {
  try {
    const value: unknown = JSON.parse(line);
    const known =
      typeof value === 'object' && value !== null && 'type' in value && 'step' in value && 'metrics' in value;
    return known ? (value as TelemetryRecord) : undefined;
  } catch {
    return undefined;
  }
}
