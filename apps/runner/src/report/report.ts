import { stringify } from 'yaml';
import { formatCount, formatNumber, formatSeconds } from '../format.js';
import type { StageRecord } from '../run-folder.js';
import { chart, smooth, type ChartOptions, type Curve, type Point } from './chart.js';
import type { History, TrainingPoint } from './history.js';
import { renderPage, type Card, type Page, type Row } from './page.js';

/** What a report tells beside the curves. */
export interface ReportHead {
  readonly run: string;
  readonly record: StageRecord;
}

/** The report of a training stage as a page that stands alone. */
export function renderReport(history: History, head: ReportHead): string {
  return renderPage({
    title: `${head.run} / ${head.record.stage}`,
    subtitle: `${head.record.status}, started ${head.record.created.replace('T', ' ').slice(0, 16)} UTC`,
    facts: factsOf(history, head),
    results: resultsOf(history),
    sections: [
      { title: 'Loss', cards: lossCards(history) },
      { title: 'Held-out measurements', cards: measurementCards(history) },
      { title: 'Training', cards: trainingCards(history) },
    ],
    details: [
      { title: 'Configuration', text: stringify(head.record.settings) },
      { title: 'Environment', text: stringify(head.record.environment) },
    ],
  });
}

function factsOf({ training }: History, { record }: ReportHead): Page['facts'] {
  const last = training.at(-1);
  const pace = middle(training.flatMap(({ videosPerSecond }) => videosPerSecond ?? []));
  return [
    ...(last === undefined
      ? []
      : [['steps', formatCount(last.step)] as const, ['loss', formatNumber(last.loss)] as const]),
    ...(pace === undefined ? [] : [['videos/s', formatNumber(pace)] as const]),
    ...(record.seconds > 0 ? [['time', formatSeconds(record.seconds)] as const] : []),
    ...(record.environment['engine'] === undefined ? [] : [['engine', record.environment['engine']] as const]),
  ];
}

function middle(values: readonly number[]): number | undefined {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

/** The last measurement; losses have no baseline and stand below what has one. */
function resultsOf({ measurements }: History): Row[] {
  const last = measurements.at(-1);
  const rows = Object.entries(last?.values ?? {}).map(([name, { value, baseline }]) => ({
    name: name.replace('/', ' '),
    value,
    ...(baseline === undefined ? {} : { baseline }),
  }));
  return [
    ...rows.filter(({ baseline }) => baseline !== undefined),
    ...rows.filter(({ baseline }) => baseline === undefined),
  ];
}

function lossCards(history: History): Card[] {
  const names = Object.keys(history.training.at(-1)?.metrics ?? {}).filter(isLoss);
  const total = lossCard(
    'total',
    pointsOf(history.training, ({ loss }) => loss),
    [],
  );
  const tasks = names.map((name) => {
    const points = pointsOf(history.training, ({ metrics }) => metrics[name] ?? NaN);
    return lossCard(name.replace(/\/loss$/, ''), points, measured(history, name));
  });
  return history.training.length === 0 ? [] : names.length === 1 ? tasks : [total, ...tasks];
}

function isLoss(name: string): boolean {
  return name === 'loss' || name.endsWith('/loss');
}

function lossCard(title: string, points: readonly Point[], heldOut: readonly Point[]): Card {
  return card(title, [
    ...noisy(points),
    ...(heldOut.length === 0 ? [] : [{ label: 'held out', points: heldOut, style: 'dots' } as const]),
  ]);
}

/** A curve behind its smoothed self. */
function noisy(points: readonly Point[]): Curve[] {
  return [
    { label: 'each step', points, style: 'faint' },
    { label: 'mean', points: smooth(points, smoothing(points.length)), style: 'main' },
  ];
}

/** A mean over about a twentieth of the curve. */
function smoothing(count: number): number {
  return Math.ceil(count / 20);
}

function measurementCards(history: History): Card[] {
  const names = [...new Set(history.measurements.flatMap(({ values }) => Object.keys(values)))];
  return names
    .filter((name) => !isLoss(name))
    .map((name) => {
      const baseline = pointsOf(history.measurements, ({ values }) => values[name]?.baseline ?? NaN).filter(
        isFinitePoint,
      );
      const curves: Curve[] = [{ label: 'held out', points: measured(history, name), style: 'dots' }];
      if (baseline.length > 0) curves.push({ label: 'trivial baseline', points: baseline, style: 'baseline' });
      return card(name.replace('/', ' '), curves, { fromZero: true });
    });
}

function trainingCards({ training }: History): Card[] {
  const names = Object.keys(training.at(-1)?.metrics ?? {}).filter((name) => !isLoss(name));
  const metrics = names.map((name) => {
    const points = pointsOf(training, ({ metrics }) => metrics[name] ?? NaN);
    return card(name.replace('/', ' '), noisy(points));
  });
  const of = (value: (point: TrainingPoint) => number | undefined): Point[] =>
    pointsOf(training, (point) => value(point) ?? NaN).filter(isFinitePoint);
  const rate = of(({ learningRate }) => learningRate);
  const speed = of(({ videosPerSecond }) => videosPerSecond);
  const norm = of(({ gradNorm }) => gradNorm);
  return [
    ...metrics,
    ...(norm.length > 0 ? [card('gradient norm', noisy(norm))] : []),
    ...(rate.length > 0
      ? [card('learning rate', [{ label: '', points: rate, style: 'main' }], { format: formatNumber, fromZero: true })]
      : []),
    ...(speed.length > 0 ? [card('videos/s', noisy(speed), { fromZero: true })] : []),
  ];
}

function card(title: string, curves: readonly Curve[], options: Omit<ChartOptions, 'curves'> = {}): Card {
  const shown = curves.findLast(({ style }) => style === 'dots' || style === 'main');
  const last = shown?.points.at(-1)?.value;
  return {
    title,
    svg: chart({ curves, ...options }),
    legend: (curves.length > 1 ? curves : []).map(({ label, style }) => ({ label, style })),
    ...(last === undefined ? {} : { value: formatNumber(last) }),
  };
}

function measured(history: History, name: string): Point[] {
  return pointsOf(history.measurements, ({ values }) => values[name]?.value ?? NaN).filter(isFinitePoint);
}

function isFinitePoint({ value }: Point): boolean {
  return Number.isFinite(value);
}

function pointsOf<T extends { readonly step: number }>(items: readonly T[], value: (item: T) => number): Point[] {
  return items.map((item) => ({ step: item.step, value: value(item) }));
}
