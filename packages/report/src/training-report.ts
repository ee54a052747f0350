import { isBelowBaseline, strongestBaseline } from '@wbdc/metrics';
import { cardSection, details, tableSection, type Card, type TitledTable } from './components.js';
import { curveChart, smooth, type Curve, type CurveChartOptions, type Point } from './curves.js';
import { formatCount, formatNumber, formatSeconds } from './format.js';
import type { History, TrainingPoint } from './history.js';
import { renderPage, type Fact } from './page.js';

/** What a report says beside the curves. */
export interface TrainingReportHead {
  readonly title: string;
  /** A line below it: state, time. */
  readonly lead: string;
  /** That the training took so far. */
  readonly seconds?: number;
  readonly engine?: string;
  /** Texts to open at the end: settings, versions. */
  readonly details?: readonly { readonly title: string; readonly text: string }[];
}

/** The report of a training as a page that stands alone: held-out results beside their baselines, and all curves. */
export function renderTrainingReport(history: History, head: TrainingReportHead): string {
  const results = resultsTable(history);
  return renderPage({
    title: head.title,
    lead: head.lead,
    facts: factsOf(history, head),
    body: [
      ...[results, baselineTable(history)].filter(({ rows }) => rows.length > 0).map(tableSection),
      cardSection({ title: 'Loss' }, lossCards(history)),
      cardSection({ title: 'Held-out measurements' }, measurementCards(history)),
      cardSection({ title: 'Training' }, trainingCards(history)),
      ...(head.details ?? []).map(({ title, text }) => details(title, text)),
    ],
  });
}

function factsOf({ training }: History, { seconds = 0, engine }: TrainingReportHead): Fact[] {
  const last = training.at(-1);
  const pace = middle(training.flatMap(({ videosPerSecond }) => videosPerSecond ?? []));
  const facts: (Fact | undefined)[] = [
    last && ['steps', formatCount(last.step)],
    last && ['loss', formatNumber(last.loss)],
    pace === undefined ? undefined : ['videos/s', formatNumber(pace)],
    seconds > 0 ? ['time', formatSeconds(seconds)] : undefined,
    engine === undefined ? undefined : ['engine', engine],
  ];
  return facts.filter((fact) => fact !== undefined);
}

function middle(values: readonly number[]): number | undefined {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

/** The last measurement; losses have no baseline and stand below what has one. */
function resultsTable({ measurements }: History): TitledTable {
  const measured = Object.entries(measurements.at(-1)?.values ?? {});
  const compared = measured.filter(([, { baseline }]) => baseline !== undefined);
  const rest = measured.filter(([, { baseline }]) => baseline === undefined);
  return {
    title: 'Held-out results',
    head: ['measure', 'value', 'best baseline', 'value / baseline'],
    rows: [...compared, ...rest].map(([name, one]) => {
      const { value, baseline } = one;
      const times = baseline !== undefined && baseline > 0 ? `${formatNumber(value / baseline)} x` : '';
      const against = baseline === undefined ? '' : formatNumber(baseline);
      const below = isBelowBaseline(name, one) ? ' BELOW' : '';
      const which = strongestBaseline(one);
      const named = which === undefined ? against : `${against} (${which})`;
      return [name.replace('/', ' '), formatNumber(value), named, `${times}${below}`.trim()];
    }),
  };
}

/** What is reached without the model, where there are several ways to. */
function baselineTable({ measurements }: History): TitledTable {
  const measured = Object.entries(measurements.at(-1)?.values ?? {}).filter(([, { baselines }]) => baselines);
  const names = [...new Set(measured.flatMap(([, { baselines = {} }]) => Object.keys(baselines)))];
  const cell = (value: number | undefined): string => (value === undefined ? '' : formatNumber(value));
  return {
    title: 'Without a model',
    note: 'What letters, frame features and the most frequent category reach on the same held-out videos.',
    head: ['', ...measured.map(([name]) => name.replace('/', ' '))],
    rows: names.map((which) => [which, ...measured.map(([, { baselines = {} }]) => cell(baselines[which]))]),
  };
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
  return curveCard(title, [
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
      if (baseline.length > 0) curves.push({ label: 'best baseline', points: baseline, style: 'baseline' });
      return curveCard(name.replace('/', ' '), curves, { fromZero: true });
    });
}

function trainingCards({ training }: History): Card[] {
  const names = Object.keys(training.at(-1)?.metrics ?? {}).filter((name) => !isLoss(name));
  const metrics = names.map((name) => {
    const points = pointsOf(training, ({ metrics }) => metrics[name] ?? NaN);
    return curveCard(name.replace('/', ' '), noisy(points));
  });
  const of = (value: (point: TrainingPoint) => number | undefined): Point[] =>
    pointsOf(training, (point) => value(point) ?? NaN).filter(isFinitePoint);
  const rate = of(({ learningRate }) => learningRate);
  const speed = of(({ videosPerSecond }) => videosPerSecond);
  const norm = of(({ gradNorm }) => gradNorm);
  return [
    ...metrics,
    ...(norm.length > 0 ? [curveCard('gradient norm', noisy(norm))] : []),
    ...(rate.length > 0
      ? [
          curveCard('learning rate', [{ label: '', points: rate, style: 'main' }], {
            format: formatNumber,
            fromZero: true,
          }),
        ]
      : []),
    ...(speed.length > 0 ? [curveCard('videos/s', noisy(speed), { fromZero: true })] : []),
  ];
}

function curveCard(title: string, curves: readonly Curve[], options: Omit<CurveChartOptions, 'curves'> = {}): Card {
  const shown = curves.findLast(({ style }) => style === 'dots' || style === 'main');
  const last = shown?.points.at(-1)?.value;
  return {
    title,
    chart: curveChart({ curves, ...options }),
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
