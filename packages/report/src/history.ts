import { gatherMeasured, type Measured } from '@wbdc/metrics';

/** Where a training keeps its telemetry, in its folder: a line of JSON for every update and every measurement. */
export const METRICS_FILE = 'metrics.jsonl';

/** The page that is made of it. */
export const REPORT_FILE = 'report.html';

/** One update of a training, as `@wbdc/train` records it. */
export interface TrainingPoint {
  /** Updates done, this one included: the first is 1. */
  readonly step: number;
  readonly loss: number;
  readonly learningRate: number;
  readonly gradNorm: number;
  /** Means by name: `mlm/loss`, `mlm/accuracy`. */
  readonly metrics: Readonly<Record<string, number>>;
  readonly videosPerSecond?: number;
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

type Line =
  | (TrainingPoint & { readonly type: 'step' })
  | { readonly type: 'evaluation'; readonly step: number; readonly metrics: Readonly<Record<string, number>> };

/** Reads the text of a metrics.jsonl. Lines that are no records, such as a torn last one, are left out. */
export function parseHistory(text: string): History {
  const lines = text.split('\n').flatMap((line) => parseLine(line) ?? []);
  return {
    training: lines.flatMap((line) => (line.type === 'step' ? [line] : [])),
    measurements: lines.flatMap((line) =>
      line.type === 'evaluation' ? [{ step: line.step, values: gatherMeasured(line.metrics) }] : [],
    ),
  };
}

function parseLine(line: string): Line | undefined {
  try {
    const value: unknown = JSON.parse(line);
    const known =
      typeof value === 'object' && value !== null && 'type' in value && 'step' in value && 'metrics' in value;
    return known ? (value as Line) : undefined;
  } catch {
    return undefined;
  }
}
