import { WbdcError } from '@wbdc/io/errors';
import { clip } from './problems.js';

const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a];
const [LIST, LIST_END, OBJECT, OBJECT_END] = [0x5b, 0x5d, 0x7b, 0x7d];

/** Longest id and longest list, in bytes: 256 numbers, written out and indented, take some 10 kB. */
const ID_BYTES = 1024;
const LIST_BYTES = 1 << 16;

/** One pair of `result.json`, not yet judged. */
export interface EmbeddingEntry {
  readonly id: string;
  readonly vector: unknown;
}

/**
 * The pairs of `{id: [numbers], ...}`, one after another, from bytes: every byte is looked at once, nothing is kept but
 * the pair in hand, and an id that comes twice is given twice, where a JSON parser keeps the last and says nothing.
 *
 * @throws WbdcError where it is no such object
 */
export function* readEmbeddingsJson(bytes: Uint8Array): Generator<EmbeddingEntry> {
  const scanner = new Scanner(bytes);
  scanner.start();
  if (!scanner.takes(OBJECT_END)) {
    do {
      const id = scanner.id();
      yield { id, vector: scanner.value(id) };
    } while (scanner.takes(COMMA));
    if (!scanner.takes(OBJECT_END)) throw scanner.error(`${scanner.here()} behind a list`);
  }
  scanner.end();
}

class Scanner {
  private at = 0;
  private readonly decoder = new TextDecoder('utf-8', { fatal: true });

  constructor(private readonly bytes: Uint8Array) {}

  start(): void {
    if (this.takes(OBJECT)) return;
    throw this.error(this.bytes[this.at] === LIST ? 'a list' : this.here());
  }

  end(): void {
    this.space();
    if (this.at < this.bytes.length) throw this.error(`${this.here()} behind the object`);
  }

  /** Whether the next byte that is no space is this one, which is then taken. */
  takes(byte: number): boolean {
    this.space();
    if (this.bytes[this.at] !== byte) return false;
    this.at++;
    return true;
  }

  id(): string {
    if (!this.takes(QUOTE)) throw this.error(`${this.here()} in the place of an id`);
    const start = this.at - 1;
    const end = this.stringEnd(start, ID_BYTES);
    if (end === undefined) throw this.error(`an id of over ${ID_BYTES} bytes, or without its end`);
    this.at = end;
    const id = this.parse(start, end, 'an id');
    if (!this.takes(COLON)) throw this.error(`${this.here()} behind the id ${clip(String(id))}`);
    return String(id);
  }

  /** The value of an id: a list, or whatever stands in its place. */
  value(id: string): unknown {
    this.space();
    const start = this.at;
    const first = this.bytes[start];
    const end = this.valueEnd(start, first);
    if (end === undefined) throw this.error(`over ${LIST_BYTES} bytes for ${clip(id)}, or the end of the file in it`);
    this.at = end;
    return this.parse(start, end, clip(id));
  }

  here(): string {
    const byte = this.bytes[this.at];
    if (byte === undefined) return 'the end of the file';
    return byte > 0x20 && byte < 0x7f ? `'${String.fromCharCode(byte)}'` : `byte ${byte}`;
  }

  error(got: string, cause?: unknown): WbdcError {
    const where = 'result.json';
    return new WbdcError({ where, expected: 'an object {id: [numbers]}', got: `${got} (byte ${this.at})` }, { cause });
  }

  private parse(start: number, end: number, what: string): unknown {
    let text = '';
    try {
      text = this.decoder.decode(this.bytes.subarray(start, end));
      return JSON.parse(text) as unknown;
    } catch (cause) {
      // Python's json writes NaN and Infinity as they are, which no JSON parser has to take.
      const odd = /NaN|-?Infinity/.exec(text)?.[0];
      if (odd !== undefined) throw this.error(`${odd} in ${what}, which JSON does not have`, cause);
      throw this.error(`${JSON.stringify(clip(text))} for ${what}`, cause);
    }
  }

  private space(): void {
    for (; this.at < this.bytes.length; this.at++) {
      const byte = this.bytes[this.at];
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return;
    }
  }

  /** Place behind the quote that ends the string at `start`. */
  private stringEnd(start: number, most = LIST_BYTES): number | undefined {
    const last = Math.min(this.bytes.length, start + most);
    for (let i = start + 1; i < last; i++) {
      if (this.bytes[i] === BACKSLASH) i++;
      else if (this.bytes[i] === QUOTE) return i + 1;
    }
    return undefined;
  }

  private valueEnd(start: number, first: number | undefined): number | undefined {
    if (first === LIST) return this.behind(LIST_END, start);
    if (first === OBJECT) return this.behind(OBJECT_END, start);
    return first === QUOTE ? this.stringEnd(start) : this.wordEnd(start);
  }

  /** Place behind the first closing bracket: what is nested is no list of numbers, and does not parse. */
  private behind(bracket: number, start: number): number | undefined {
    const length = this.bytes.subarray(start, start + LIST_BYTES).indexOf(bracket);
    return length < 0 ? undefined : start + length + 1;
  }

  private wordEnd(start: number): number | undefined {
    const last = Math.min(this.bytes.length, start + LIST_BYTES);
    let i = start;
    while (i < last && this.bytes[i] !== COMMA && this.bytes[i] !== OBJECT_END && this.bytes[i] > 0x20) i++;
    return i === start || i === last ? undefined : i;
  }
}
