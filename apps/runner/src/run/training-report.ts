import { join } from 'node:path';
import { readIfThere, writeFileAtomic } from '@wbdc/io';
import { renderTrainingReport } from '@wbdc/report';
import { METRICS_FILE, parseHistory } from '@wbdc/report/history';
import { stringify } from 'yaml';

import type { StageRecord } from './stage-record.js';

export interface ReportRequest {
  /** The stage's folder, with metrics.jsonl. */
  readonly folder: string;
  /** Name of the run. */
  readonly run: string;
  readonly record: StageRecord;
}

/** Writes report.html from metrics.jsonl and stage.json; gives its path, or nothing where there are no metrics. */
export async function writeReport({ folder, run, record }: ReportRequest): Promise<string | undefined> {
  const metrics = await readIfThere(join(folder, METRICS_FILE));
  if (metrics === undefined) return undefined;
  const { stage, status, created, seconds, settings, environment } = record;
  const path = join(folder, 'report.html');
  const page = renderTrainingReport(parseHistory(metrics), {
    title: `${run} / ${stage}`,
    lead: `${status}, started ${created.replace('T', ' ').slice(0, 16)} UTC`,
    seconds,
    ...(environment['engine'] !== undefined && { engine: environment['engine'] }),
    details: [
      { title: 'Configuration', text: stringify(settings) },
      { title: 'Environment', text: stringify(environment) },
    ],
  });
  await writeFileAtomic(path, page);
  return path;
}
