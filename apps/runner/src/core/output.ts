import type { ResultStream } from '@wbdc/io/result-stream';
import type { JobMessage } from './messages.js';

/** Streams, clock and environment of a process, so that tests can pass their own. */
export interface Terminal {
  readonly stdout: TextStream;
  readonly stderr: TextStream;
  /** Stdout for what may not be lost; without it all goes to `stdout`. */
  readonly results?: ResultStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The working folder. */
  readonly folder: string;
  readonly now: () => number;
  /** In a process that another one started as a job: tells it how far this is and what came of it. */
  readonly report?: (message: JobMessage) => void;
}

interface TextStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export interface OutputOptions {
  readonly json?: boolean | undefined;
  readonly quiet?: boolean | undefined;
  readonly debug?: boolean | undefined;
}

/**
 * Where text goes. People read stdout and progress on stderr; with `json`, stdout carries one JSON object and nothing
 * else, and text goes to stderr; `quiet` leaves warnings and errors.
 */
export class Output {
  /** As an observer, {@link warn}. */
  readonly onWarning = (line: string): void => this.warn(line);

  constructor(
    readonly terminal: Terminal,
    readonly options: OutputOptions,
  ) {}

  /** A line for people. */
  say(line = ''): void {
    if (this.options.quiet) return;
    (this.options.json ? this.terminal.stderr : this.terminal.stdout).write(`${line}\n`);
  }

  warn(line: string): void {
    this.terminal.stderr.write(`warning: ${line}\n`);
  }

  /** A line of results. */
  print(line: string): void {
    (this.terminal.results ?? this.terminal.stdout).write(`${line}\n`);
  }

  /** The one object of `--json`; nothing without it. */
  result(value: Readonly<Record<string, unknown>>): void {
    if (this.options.json) this.print(JSON.stringify(value));
  }
}
