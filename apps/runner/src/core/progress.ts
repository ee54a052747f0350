import { MultiBar, type SingleBar } from 'cli-progress';
import { gatherMeasured } from '@wbdc/metrics';
import type { EvaluationRecord, Sink, StepRecord } from '@wbdc/train';
import { formatCount, formatNumber, formatSeconds } from '@wbdc/report/format';
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

/** How far, and how long still. */
export interface ProgressState {
  readonly done: number;
  readonly total: number;
  readonly secondsLeft: number;
}

/** Estimates the time left from the pace since the first call, so that a resumed stage does not look fast. */
export class Pace {
  #first: { done: number; time: number } | undefined;

  constructor(private readonly now: () => number) {}

  at(done: number, total: number): ProgressState {
    this.#first ??= { done, time: this.now() };
    const progressed = done - this.#first.done;
    const seconds = (this.now() - this.#first.time) / 1000;
    const secondsLeft = done >= total ? 0 : progressed > 0 ? (seconds / progressed) * (total - done) : NaN;
    return { done, total, secondsLeft };
  }
}

/** `120/400 videos (30 %), 12 s left, loss 3.21` */
export function progressLine({ done, total, secondsLeft }: ProgressState, unit: string, note = ''): string {
  const share = total > 0 ? Math.floor((done / total) * 100) : 100;
  const left = Number.isFinite(secondsLeft) && done < total ? `, ${formatSeconds(secondsLeft)} left` : '';
  return `${formatCount(done)}/${formatCount(total)} ${unit} (${share} %)${left}${note === '' ? '' : `, ${note}`}`;
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

/** A sink that knows what share of the steps was waiting for data. */
export function waitingSink(): Sink & { share(): number } {
  const total = { seconds: 0, waited: 0 };
  return {
    write: (record) => {
      if (record.type !== 'step') return;
      total.seconds += record.seconds;
      total.waited += record.waited ?? 0;
    },
    share: () => total.waited / total.seconds,
  };
}

/** From this share of a step on, its waiting for data is worth a word. */
const NOTABLE_WAIT = 0.05;

/** `loss 5.12  mlm 3.21  mfm 2.05  210 videos/s` */
export function trainingNote({ loss, metrics, seconds, waited = 0 }: StepRecord, videosPerSecond?: number): string {
  const tasks = Object.entries(metrics)
    .filter(([name]) => name.endsWith('/loss'))
    .map(([name, value]) => [name.slice(0, -'/loss'.length), value] as const);
  const speed = videosPerSecond === undefined ? '' : `  ${formatNumber(videosPerSecond)} videos/s`;
  const share = waited / seconds;
  const waiting = share > NOTABLE_WAIT ? `  ${Math.round(100 * share)} % waiting for data` : '';
  return lossNote({ loss, ...Object.fromEntries(tasks) }) + speed + waiting;
}

/** `loss 5.12  mlm 3.21  mfm 2.05` */
function lossNote(losses: Readonly<Record<string, number>>): string {
  return Object.entries(losses)
    .map(([name, value]) => `${name} ${formatNumber(value)}`)
    .join('  ');
}

/** `held out after step 100: mlm accuracy 0.312 (baseline 0.0621)  ...`; losses are left to the report. */
export function measurementLine({ step, metrics }: EvaluationRecord): string {
  return `held out after step ${formatCount(step)}: ${measuredText(metrics)}`;
}

/** `mlm accuracy 0.312 (baseline 0.0621)  ...`, without losses. */
export function measuredText(metrics: Readonly<Record<string, number>>): string {
  return Object.entries(gatherMeasured(metrics))
    .filter(([name]) => !name.endsWith('/loss'))
    .map(([name, { value, baseline }]) => {
      const against = baseline === undefined ? '' : ` (baseline ${formatNumber(baseline)})`;
      return `${name.replace('/', ' ')} ${formatNumber(value)}${against}`;
    })
    .join('  ');
}
