import { gatherMeasured, type Measured } from '@wbdc/metrics';
import type { StepRecord, TelemetryRecord } from '@wbdc/train';

/** One training step. */
export type TrainingPoint = Omit<StepRecord, 'type' | 'seconds'>;

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
