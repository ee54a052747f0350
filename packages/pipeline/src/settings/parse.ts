import { WbdcError } from '@wbdc/io/errors';
import type { z } from 'zod';
import type { Problem } from './problem.js';

/** Checks settings against their schema and fills in defaults. */
export function parseSettings<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  assertNoProblems(parsed.error.issues.map(({ path, message }) => ({ path: path.map(String), message })));
  throw parsed.error; // never: a failure has issues
}

/** @throws WbdcError `settings` with all problems, a line each */
export function assertNoProblems(problems: readonly Problem[]): void {
  if (problems.length === 0) return;
  const lines = problems.map(({ path, message }) => `${path.join('.')}: ${message}`);
  throw new WbdcError({ expected: 'settings that fit', got: lines.join('\n'), code: 'settings' });
}
