import { z } from 'zod';
import { parseJson } from '@wbdc/io';
import { UserError } from '../core/errors.js';
import type { Contents } from '@wbdc/pipeline/contents';
import { STAGES, type JsonObject, type StageName } from './names.js';

/** What stands in a stage's folder about how it was made: `stage.json`. */
export interface StageRecord {
  readonly stage: StageName;
  readonly status: 'complete' | 'unfinished';
  /** Of the settings and of all stages it was made from: equal fingerprints, equal results. */
  readonly fingerprint: string;
  readonly settings: JsonObject;
  /** Of the stages it was made from: what they hold, or the fingerprints of those that do not say it. */
  readonly upstream: Readonly<Record<string, string>>;
  /** Hashes of what it was made from besides: of the data set, and of files that settings name. */
  readonly inputs?: Contents;
  /** Hashes of what it holds, once it is complete; of the data stage, those of the data set. */
  readonly contents?: Contents;
  /** Where those stages stand, from this stage's folder. */
  readonly read?: Readonly<Record<string, string>>;
  readonly created: string;
  readonly seconds: number;
  readonly summary: JsonObject;
  /** Engine, versions, machine: for reports, not for the fingerprint. */
  readonly environment: Readonly<Record<string, string>>;
}

const object = z.record(z.string(), z.json());
const texts = z.record(z.string(), z.string());

/** Of what is read of a record; it may hold more. */
const schema: z.ZodType<StageRecord> = z.looseObject({
  stage: z.enum(STAGES),
  status: z.enum(['complete', 'unfinished']),
  fingerprint: z.string(),
  settings: object,
  upstream: texts,
  inputs: texts.exactOptional(),
  contents: texts.exactOptional(),
  read: texts.exactOptional(),
  created: z.string(),
  seconds: z.number(),
  summary: object,
  environment: texts,
});

/** The contents of a `stage.json`. @throws UserError that names the file and what of it is damaged */
export function parseStageRecord(text: string, path: string): StageRecord {
  const advice = 'make the stage again with --overwrite (the old folder is renamed, not deleted)';
  let value: unknown;
  try {
    value = parseJson(text, path);
  } catch (cause) {
    throw new UserError(`${path}: expected JSON, got a damaged file: ${advice}`, 1, { cause });
  }
  const parsed = safely(() => schema.safeParse(value));
  if (parsed?.success) return parsed.data;
  const [issue] = parsed?.error.issues ?? [];
  const place = issue === undefined || issue.path.length === 0 ? '' : ` (${issue.path.join('.').slice(0, 60)})`;
  throw new UserError(`${path}: expected the record of a stage, got a damaged one${place}: ${advice}`);
}

/** Nothing where a value is nested deeper than a checker can follow. */
function safely<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
