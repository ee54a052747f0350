import { readLines } from '@wbdc/data';
import { WbdcError } from '@wbdc/io/errors';
import { z } from 'zod';

/** A number; JSON, which has no NaN, writes null for one. */
export const numberOrNaN = z
  .number()
  .nullable()
  .transform((value) => value ?? NaN);

/** One line of a file of JSON lines. @param expected what it should be, for the error */
function parseJsonLine<T>(line: string, schema: z.ZodType<T>, expected: string, where: string): T {
  try {
    return schema.parse(JSON.parse(line));
  } catch (cause) {
    const got = JSON.stringify(line.slice(0, 60));
    throw new WbdcError({ where, expected: `a line ${expected}`, got, advice: 'make the file again' }, { cause });
  }
}

/** The lines of a file of JSON lines, one after another. @throws WbdcError that names file and line */
export async function* readJsonLines<T>(path: string, schema: z.ZodType<T>, expected: string): AsyncGenerator<T> {
  for await (const { number, text } of readLines(path)) {
    yield parseJsonLine(text, schema, expected, `${path}: line ${number}`);
  }
}
