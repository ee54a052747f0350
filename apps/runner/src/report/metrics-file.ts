/** Where a training stage's telemetry stands, in its folder. */
export const METRICS_FILE = 'metrics.jsonl';
