import { MultiBar, type SingleBar } from 'cli-progress';
import type { Sink } from '@wbdc/train';
import { formatSeconds } from '@wbdc/report/format';
import { measurementLine, Pace, progressLine, trainingNote } from '@wbdc/report/progress';
import type { Output, Terminal } from './output.js';

/** Shows how far a stage is: a bar on a terminal, a line every few seconds elsewhere. */
export interface Progress {
  /** `note` stands behind the bar: losses, rates. */
  update(done: number, total: number, note?: string): void;
  /** A line of its own, above the bar. */
  log(line: string): void;
  stop(): void;
}

/** Seconds between plain lines. */
const LINE_EVERY = 10;

/** Progress on stderr, so that stdout stays clean for results; silent with `--quiet`. */
export function createProgress(output: Output, unit: string): Progress {
  if (output.options.quiet) return { update: ignore, log: ignore, stop: ignore };
  const { terminal } = output;
  if (terminal.report) return reportedProgress(terminal.report, terminal, unit);
  const interactive = terminal.stderr.isTTY === true && terminal.env['CI'] === undefined;
  return interactive ? barProgress(terminal, unit) : lineProgress(terminal, unit);
}

/** Tells a parent process, which shows it; other lines go to the output. */
function reportedProgress(report: NonNullable<Terminal['report']>, { stderr }: Terminal, unit: string): Progress {
  return {
    update: (done, total, note = '') => report({ type: 'progress', done, total, unit, note }),
    log: (line) => void stderr.write(`${line}\n`),
    stop: ignore,
  };
}

function ignore(): void {
  // nobody wants to see it
}

/** A line at the start, every few seconds, and at the end. */
function lineProgress(terminal: Terminal, unit: string, every = LINE_EVERY): Progress {
  const pace = new Pace(terminal.now);
  let shown = -Infinity;
  let pending: string | undefined;
  const write = (line: string): void => void terminal.stderr.write(`${line}\n`);
  return {
    update: (done, total, note) => {
      const line = progressLine(pace.at(done, total), unit, note);
      pending = line;
      if (terminal.now() - shown < every * 1000) return;
      shown = terminal.now();
      pending = undefined;
      write(line);
    },
    log: write,
    stop: () => {
      if (pending !== undefined) write(pending);
      pending = undefined;
    },
  };
}

function barProgress({ stderr, now }: Terminal, unit: string): Progress {
  const pace = new Pace(now);
  const bars = new MultiBar({
    format: '{bar} {percentage}% {value}/{total} {unit}  {note}  {left} left',
    stream: stderr as NodeJS.WritableStream,
    barsize: 20,
    hideCursor: true,
    gracefulExit: false, // Ctrl-C is ours
    barCompleteChar: '\u2588',
    barIncompleteChar: '\u2591',
  });
  let bar: SingleBar | undefined;
  return {
    update: (done, total, note = '') => {
      const payload = { note, left: formatSeconds(pace.at(done, total).secondsLeft), unit };
      bar ??= bars.create(total, done, payload);
      bar.setTotal(total);
      bar.update(done, payload);
    },
    log: (line) => bars.log(`${line}\n`),
    stop: () => {
      if (bar === undefined) return;
      bar = undefined;
      bars.update(); // the last state, which the timer may not have drawn yet
      bars.stop();
    },
  };
}

/** A sink for a training loop: the bar with losses and speed, and a line for every measurement. */
export function progressSink(progress: Progress, totalSteps: number): Sink {
  let speed: number | undefined;
  return {
    write: (record) => {
      if (record.type !== 'step') return progress.log(measurementLine(record));
      speed = follow(speed, record.videosPerSecond);
      progress.update(record.step, totalSteps, trainingNote(record, speed));
    },
    close: () => progress.stop(),
  };
}

/** Speed jumps from step to step with the length of the texts: show its course. */
function follow(before: number | undefined, now: number | undefined): number | undefined {
  return before === undefined || now === undefined ? (now ?? before) : 0.9 * before + 0.1 * now;
}
