import { join, relative } from 'node:path';
import { exists, sizeOnDisk } from '@wbdc/io';
import { formatBytes, formatSeconds } from '@wbdc/report/format';
import { METRICS_FILE, REPORT_FILE } from '@wbdc/report/history';
import { EXIT_INTERRUPTED } from '@wbdc/io/interrupt';
import { scoresOf } from '../core/messages.js';
import type { ReportRequest } from '@wbdc/pipeline/stage-page';
import type { Output } from '../core/output.js';
import type { Opened } from '../run/run-folder.js';
import type { StageRecord } from '../run/stage-record.js';
import type { Artifact, JsonObject, Stage, StageResult } from '../run/stage.js';

/** Training stages leave curves: their page is made here, where everything that stands on it is known. */
export async function withReport(result: StageResult, request: ReportRequest): Promise<StageResult> {
  if (!(await exists(join(request.folder, METRICS_FILE)))) return result;
  const { writeReport } = await import('@wbdc/pipeline/stage-page');
  const path = await writeReport(request);
  return path === undefined ? result : { ...result, made: [...result.made, { path, about: 'curves, for a browser' }] };
}

/** The page of a complete stage that was killed before it had one. */
export async function restoreReport(request: ReportRequest): Promise<void> {
  const [metrics, page] = [METRICS_FILE, REPORT_FILE].map((name) => join(request.folder, name));
  if ((await exists(page)) || !(await exists(metrics))) return;
  await (await import('@wbdc/pipeline/stage-page')).writeReport(request);
}

export function announce(stage: Stage, opened: Exclude<Opened, { kind: 'done' }>, output: Output): void {
  const folder = shown(opened.folder, output);
  if (opened.movedTo !== undefined) output.say(`the earlier ${stage.name} is now ${shown(opened.movedTo, output)}`);
  output.say(`${stage.name}: ${opened.kind === 'resume' ? `going on in ${folder}` : stage.title}`);
}

export function reportDone(
  stage: Stage,
  record: StageRecord,
  folder: string,
  next: string | undefined,
  output: Output,
): number {
  output.say(
    `${stage.name}: already done in ${shown(folder, output)} (${record.created}); --overwrite to make it again`,
  );
  for (const line of summaryLines(record.summary)) output.say(line);
  if (next !== undefined) output.say(`next     ${next}`);
  output.terminal.report?.({ type: 'outcome', outcome: 'found', scores: scoresOf(record.summary['measured']) });
  output.result({ ...resultObject(stage, record, folder, next), status: 'complete', alreadyDone: true });
  return 0;
}

interface Reporting {
  readonly seconds: number;
  readonly folder: string;
  /** What to run next. */
  readonly next: string | undefined;
  readonly output: Output;
}

export async function report(
  stage: Stage,
  record: StageRecord,
  result: StageResult,
  reporting: Reporting,
): Promise<number> {
  const { seconds, folder, next, output } = reporting;
  const interrupted = result.status === 'interrupted';
  for (const artifact of result.read) output.say(`read     ${await line(artifact, output, false)}`);
  for (const artifact of result.made) output.say(`made     ${await line(artifact, output, true)}`);
  for (const text of summaryLines(result.summary)) output.say(text);
  output.say(`${interrupted ? 'stopped' : 'done'}  ${interrupted ? '' : '   '}after ${formatSeconds(seconds)}`);
  if (next !== undefined) output.say(`${interrupted ? 'go on   ' : 'next    '} ${next}`);
  output.result({
    ...resultObject(stage, record, folder, next),
    status: result.status,
    read: result.read.map(asJson),
    made: result.made.map(asJson),
  });
  const outcome = interrupted ? 'interrupted' : 'done';
  output.terminal.report?.({ type: 'outcome', outcome, scores: scoresOf(result.summary['measured']) });
  return interrupted ? EXIT_INTERRUPTED : 0;
}

function resultObject(stage: Stage, record: StageRecord, folder: string, next: string | undefined): JsonObject {
  return { stage: stage.name, folder, seconds: record.seconds, summary: record.summary, next };
}

function asJson({ path, about }: Artifact): JsonObject {
  return { path, about };
}

async function line({ path, about }: Artifact, output: Output, withSize: boolean): Promise<string> {
  const size = withSize ? ` (${formatBytes(await sizeOnDisk(path))})` : '';
  return `${shown(path, output)}${size}: ${about}`;
}

function summaryLines(summary: JsonObject): string[] {
  const simple = Object.entries(summary).filter(([, value]) => typeof value !== 'object' || value === null);
  return simple.map(([key, value]) => `         ${key}: ${value}`);
}

/** The path as the user would type it. */
function shown(path: string, output: Output): string {
  const short = relative(output.terminal.folder, path);
  return short === '' || short.startsWith('..') ? path : join(short);
}
