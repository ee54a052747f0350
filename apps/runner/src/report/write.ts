import { join } from 'node:path';
import { readIfThere, writeFileAtomic } from '@wbdc/io';
import type { StageRecord } from '../run-folder.js';
import { parseHistory } from './history.js';
import { METRICS_FILE } from './metrics-file.js';
import { renderReport } from './report.js';

export interface ReportRequest {
  /** The stage's folder, with metrics.jsonl. */
  readonly folder: string;
  /** Name of the run. */
  readonly run: string;
  readonly record: StageRecord;
}

/** Writes report.html from metrics.jsonl and what stage.json says; gives its path, or nothing where there are no metrics. */
export async function writeReport({ folder, run, record }: ReportRequest): Promise<string | undefined> {
  const metrics = await readIfThere(join(folder, METRICS_FILE));
  if (metrics === undefined) return undefined;
  const path = join(folder, 'report.html');
  await writeFileAtomic(path, renderReport(parseHistory(metrics), { run, record }));
  return path;
}
