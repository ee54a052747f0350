import { readLines as readPlainLines, type Line } from '@wbdc/io';
import { asDataError } from './data-error.js';

export type { Line } from '@wbdc/io';

/**
 * The lines of a UTF-8 file (LF or CRLF, an optional byte order mark), one after another; the last one may lack its
 * end.
 * @throws DataError on a line over `maxBytes`, or on bytes that are no UTF-8
 */
export async function* readLines(path: string, maxBytes?: number): AsyncGenerator<Line> {
  try {
    yield* readPlainLines(path, maxBytes);
  } catch (error) {
    throw asDataError(error);
  }
}
