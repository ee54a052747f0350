import { WbdcError } from '@wbdc/io/errors';

/** Most that is told of one file. */
const SHOWN = 10;

/** A piece of a file in a message: no longer than a message should be. */
export function clip(text: string, most = 60): string {
  return text.length > most ? `${text.slice(0, most)}...` : text;
}

/** Collects what is wrong, so that all of it is told at once: the first ten, and how many more. */
export class Problems {
  readonly #shown: string[] = [];
  #count = 0;

  constructor(private readonly file: string) {}

  add(problem: string): void {
    this.#count++;
    if (this.#shown.length < SHOWN) this.#shown.push(problem);
  }

  compareIds(expected: ReadonlySet<string>, got: ReadonlySet<string> | ReadonlyMap<string, unknown>): void {
    const missing = [...expected].filter((id) => !got.has(id));
    const unknown = [...got.keys()].filter((id) => !expected.has(id));
    if (missing.length > 0) {
      this.add(`expected ${expected.size} ids, ${missing.length} are missing (${clip(missing[0])}, ...)`);
    }
    if (unknown.length > 0) {
      this.add(`expected no other ids, got ${unknown.length} unknown ones (${clip(unknown[0])}, ...)`);
    }
  }

  compareWidths(embeddings: ReadonlyMap<string, readonly number[]>): void {
    const widths = new Set<number>();
    for (const { length } of embeddings.values()) widths.add(length);
    if (widths.size > 1) this.add(`expected vectors of one width, got ${clip([...widths].join(', '))}`);
  }

  throwIfAny(): void {
    if (this.#count === 0) return;
    const shown = this.#shown.map((problem) => `  ${problem}`);
    const rest = this.#count > SHOWN ? [`  and ${this.#count - SHOWN} more`] : [];
    throw new WbdcError([`${this.file}:`, ...shown, ...rest].join('\n'));
  }
}
