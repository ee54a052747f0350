import { open } from 'node:fs/promises';
import { fileError, readIfThere, writeFileAtomic } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';
import { wholeAppends } from './append.js';
import type { Sink } from './telemetry.js';

/**
 * Appends records to a file, one JSON object a line. To go on after a checkpoint, give its step: what the file holds
 * beyond it, or half written at its end, is removed. Without it the file must be new.
 */
export async function jsonlSink(path: string, resumeStep?: number): Promise<Sink> {
  if (resumeStep !== undefined) await truncateAfter(path, resumeStep);
  const file = await open(path, resumeStep === undefined ? 'ax' : 'a').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'EEXIST') throw fileError('write', path, cause);
    throw new WbdcError(`${path} exists: expected a new file; resume the run or choose another folder`, { cause });
  });
  const guard = <T>(promise: Promise<T>): Promise<T> =>
    promise.catch((cause) => Promise.reject(fileError('write', path, cause)));
  const append = await wholeAppends(file);
  return {
    write: (record) => guard(append(`${JSON.stringify(record)}\n`)),
    flush: () => guard(file.sync()),
    close: () => guard(file.close()),
  };
}

async function truncateAfter(path: string, step: number): Promise<void> {
  const text = await readIfThere(path).catch((cause) => Promise.reject(fileError('read', path, cause)));
  if (text === undefined) return;
  const kept = text.split('\n').filter((line) => stepOf(line) <= step);
  const result = kept.map((line) => `${line}\n`).join('');
  if (result !== text) await writeFileAtomic(path, result);
}

/** Infinity for a line that is no record: a torn end. */
function stepOf(line: string): number {
  try {
    const record: unknown = JSON.parse(line);
    const step = (record as { step?: unknown } | null)?.step;
    return typeof step === 'number' ? step : Infinity;
  } catch {
    return Infinity;
  }
}
