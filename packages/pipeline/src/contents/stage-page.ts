import { join } from 'node:path';
import { readIfThere, writeFileAtomic } from '@wbdc/io';
import { renderTrainingReport } from '@wbdc/report';
import { METRICS_FILE, parseHistory, REPORT_FILE } from '@wbdc/report/history';
import { stringify } from 'yaml';

/** What a stage's record says of how it was made. */
export interface ReportedStage {
  readonly stage: string;
  readonly status: string;
  /** When, as `Date.toISOString` says it. */
  readonly created: string;
  /** How long it took. */
  readonly seconds: number;
  readonly settings: Readonly<Record<string, unknown>>;
  /** Engine, versions, machine. */
  readonly environment: Readonly<Record<string, string>>;
}

export interface ReportRequest {
  /** The stage's folder, with metrics.jsonl. */
  readonly folder: string;
  /** Name of the run. */
  readonly run: string;
  readonly record: ReportedStage;
}

/** Writes `report.html` of a training from its `metrics.jsonl`; gives its path, or nothing without metrics. */
export async function writeReport({ folder, run, record }: ReportRequest): Promise<string | undefined> {
  const metrics = await readIfThere(join(folder, METRICS_FILE));
  if (metrics === undefined) return undefined;
  const { stage, status, created, seconds, settings, environment } = record;
  const path = join(folder, REPORT_FILE);
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
