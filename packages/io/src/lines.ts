import { createReadStream } from 'node:fs';
import { FormatError } from './errors.js';

/** A line's text and its number, from 1. */
export interface Line {
  readonly number: number;
  readonly text: string;
}

/**
 * The lines of a UTF-8 file (LF or CRLF, an optional byte order mark), one after another; the last one may lack its
 * end.
 * @param end bytes to read; all by default
 * @throws FormatError on a line over `maxBytes`, or on bytes that are no UTF-8
 */
export async function* readLines(path: string, maxBytes = 1 << 20, end = Infinity): AsyncGenerator<Line> {
  if (end === 0) return;
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });
  let rest: Buffer = Buffer.alloc(0);
  let number = 0;
  const line = (bytes: Buffer): Line => {
    number++;
    try {
      return { number, text: decoder.decode(bytes.at(-1) === 0x0d ? bytes.subarray(0, -1) : bytes) };
    } catch (cause) {
      const where = `${path}: line ${number}`;
      throw new FormatError({ where, expected: 'text in UTF-8', got: 'other bytes' }, { cause });
    }
  };
  const stream = createReadStream(path, { end: end - 1 });
  stream.on('error', (error: NodeJS.ErrnoException) => (error.path ??= path)); // that of a folder comes without
  for await (const chunk of stream) {
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk as Buffer]) : (chunk as Buffer);
    let start = 0;
    for (let end = bytes.indexOf(0x0a); end >= 0; end = bytes.indexOf(0x0a, start)) {
      yield line(bytes.subarray(start, end));
      start = end + 1;
    }
    rest = bytes.subarray(start);
    if (rest.length > maxBytes) {
      const where = `${path}: line ${number + 1}`;
      const expected = `at most ${maxBytes} bytes`;
      throw new FormatError({ where, expected, got: 'more', advice: 'is it a text file?' });
    }
  }
  if (rest.length > 0) yield line(rest);
}
