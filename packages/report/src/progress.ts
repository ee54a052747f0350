import { gatherMeasured, isBelowBaseline, strongestBaseline, type Measured } from '@wbdc/metrics';
import { formatCount, formatNumber, formatSeconds } from './format.js';

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

/** From this share of a step on, its waiting for data is worth a word. */
const NOTABLE_WAIT = 0.05;

/** What is shown of a training step. */
export interface TrainedStep {
  readonly loss: number;
  readonly metrics: Readonly<Record<string, number>>;
  readonly seconds: number;
  /** Of these, waiting for data. */
  readonly waited?: number;
}

/** What is shown of a measurement on held-out data. */
export interface MeasuredStep {
  readonly step: number;
  readonly metrics: Readonly<Record<string, number>>;
}

/** `loss 5.12  mlm 3.21  mfm 2.05  210 videos/s` */
export function trainingNote({ loss, metrics, seconds, waited = 0 }: TrainedStep, videosPerSecond?: number): string {
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
export function measurementLine({ step, metrics }: MeasuredStep): string {
  return `held out after step ${formatCount(step)}: ${measuredText(metrics)}`;
}

/** `mlm accuracy 0.312 (baseline 0.0621)  ...`, without losses. */
export function measuredText(metrics: Readonly<Record<string, number>>): string {
  return Object.entries(gatherMeasured(metrics))
    .filter(([name]) => !name.endsWith('/loss'))
    .map(([name, one]) => `${name.replace('/', ' ')} ${besideText(name, one)}`)
    .join('  ');
}

/** `0.607 (BELOW the baseline 0.679: characters in common, all texts)`. @param name of the measurement */
export function besideText(name: string, measured: Measured): string {
  const { value, baseline } = measured;
  if (baseline === undefined) return formatNumber(value);
  const which = strongestBaseline(measured);
  const below = isBelowBaseline(name, measured) ? 'BELOW the ' : '';
  const called = which === undefined ? '' : `: ${which}`;
  return `${formatNumber(value)} (${below}baseline ${formatNumber(baseline)}${called})`;
}
