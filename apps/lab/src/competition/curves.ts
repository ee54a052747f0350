import { join } from 'node:path';
import { readIfThere } from '@wbdc/io';
import { curveChart, smooth, type Card, type Curve, type Point, type Series } from '@wbdc/report';
import { formatNumber } from '@wbdc/report/format';
import { METRICS_FILE, parseHistory } from '@wbdc/report/history';
import type { StageName } from '@wbdc/runner';
import { AIAC, WBDC, type Entry } from './plan.js';
import type { AiacResults } from './results.js';

/** The share of a training that is not drawn: losses fall so far in it that nothing else could be told apart. */
const START = 0.15;

/** Losses of the six jobs. */
export function aiacCurves(root: string): Promise<Card[]> {
  return lossCards(root, AIAC);
}

/** Losses of WBDC's models. */
export function wbdcCurves(root: string): Promise<Card[]> {
  return lossCards(root, WBDC);
}

async function lossCards(root: string, entries: readonly Entry[]): Promise<Card[]> {
  return [
    await lossCard(root, entries, 'pretrain', 'pretraining: loss, but for the start'),
    await lossCard(root, entries, 'finetune', 'finetuning: loss, but for the start'),
  ];
}

async function lossCard(root: string, entries: readonly Entry[], stage: StageName, title: string): Promise<Card> {
  const curves: Curve[] = [];
  for (const [i, entry] of entries.entries()) {
    if (!entry.stages.includes(stage)) continue;
    const { training } = parseHistory((await readIfThere(join(root, entry.name, stage, METRICS_FILE))) ?? '');
    const points = training
      .slice(Math.ceil(training.length * START))
      .map(({ step, loss }): Point => ({ step, value: loss }));
    const style = `series-${i + 1}` as Series;
    curves.push({ label: entry.name, points: smooth(points, Math.ceil(points.length / 20)), style });
  }
  return {
    title,
    chart: curveChart({ curves, format: formatNumber }),
    legend: curves.map(({ label, style }) => ({ label, style })),
  };
}

/** The ensemble against the best model in it, by the number of models. */
export function ensembleCard({ ensembles }: AiacResults): Card {
  const points = (value: (item: AiacResults['ensembles'][number]) => number): Point[] =>
    ensembles.map((item) => ({ step: item.models, value: value(item) }));
  const curves: Curve[] = [
    { label: 'ensemble', points: points(({ spearman }) => spearman), style: 'main' },
    { label: 'best single model', points: points(({ bestSingle }) => bestSingle), style: 'baseline' },
  ];
  return {
    title: 'Spearman by number of models',
    chart: curveChart({ curves, format: (value) => value.toFixed(3), across: 'models' }),
    legend: curves.map(({ label, style }) => ({ label, style })),
    value: ensembles.at(-1)?.spearman.toFixed(4) ?? '',
  };
}
