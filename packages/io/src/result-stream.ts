import { setImmediate } from 'node:timers/promises';
import { WbdcError } from './errors.js';

/** A stream of text, such as stdout. */
interface TextStream {
  write(text: string, done?: (error?: Error | null) => void): unknown;
}

/** What a program prints to be kept: unlike words for people it may not be lost in silence. */
export class ResultStream {
  #lost: NodeJS.ErrnoException | undefined;

  /** @param name of the stream, for the message */
  constructor(
    private readonly stream: TextStream,
    private readonly name = 'stdout',
  ) {}

  write(text: string): void {
    this.stream.write(text, (error) => {
      // A reader that left, as head does, has what it wanted.
      if (error && !('code' in error && error.code === 'EPIPE')) this.#lost ??= error;
    });
  }

  /** @throws WbdcError where something could not be written, as on a full disk */
  async end(): Promise<void> {
    await setImmediate(); // failures of files are told a moment later
    if (this.#lost === undefined) return;
    const { code, message } = this.#lost;
    const got = code === 'ENOSPC' ? 'a full disk' : message;
    const advice = 'some lines are lost: run the command again with another place for them';
    throw new WbdcError({ where: this.name, expected: 'room for all lines', got, advice }, { cause: this.#lost });
  }
}
