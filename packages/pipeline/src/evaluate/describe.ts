import { formatNumber } from '@wbdc/report/format';
import type { Estimate, EvaluatedModel, Evaluation } from './kinds.js';

/** `0.607 [0.571, 0.640]` */
export function withInterval({ value, low, high }: Estimate): string {
  return Number.isNaN(low) ? formatNumber(value) : `${value.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`;
}

/** The measure that counts, of a model or baseline. */
export function officialOf({ official }: Evaluation, { measures }: EvaluatedModel): Estimate {
  return measures[official];
}

/** Whether the difference from the first model is more than chance makes it. */
export function differenceOf({ difference }: EvaluatedModel): string {
  if (difference === undefined) return '';
  const { value, low, high, p, significant } = difference;
  const sign = (number: number): string => `${number >= 0 ? '+' : ''}${number.toFixed(3)}`;
  const says = significant ? (value > 0 ? 'better' : 'worse') : 'not told from chance';
  return `${sign(value)} [${sign(low)}, ${sign(high)}], p ${p < 0.001 ? '< 0.001' : p.toFixed(3)}: ${says}`;
}

/** What a model is beside the strongest baseline, in a sentence; nothing where there is none. */
export function verdictOf(evaluation: Evaluation, model: EvaluatedModel): string | undefined {
  const { name, overBaseline } = model;
  if (overBaseline === undefined) return undefined;
  const { baseline, value, significant } = overBaseline;
  const own = officialOf(evaluation, model).value;
  if (Number.isNaN(own)) return `${name} has no ${evaluation.official}: it says the same of all`;
  const of = `the best baseline (${baseline}: ${formatNumber(own - value)})`;
  if (value === 0) return `${name} is no better than ${of}`;
  if (value < 0) return `${name} is BELOW ${of}${significant ? '' : ', though not by more than chance'}`;
  return `${name} is above ${of}${significant ? '' : ', but not by more than chance'}`;
}

/** The result as lines for people. */
export function describeEvaluation(evaluation: Evaluation): string[] {
  const { models, baselines, official, bootstrap, truth } = evaluation;
  const all = [...models, ...baselines];
  const width = Math.max(...all.map(({ name }) => name.length), 8);
  const what = evaluation.kind === 'similarity' ? 'pairs' : 'videos';
  const line = (one: EvaluatedModel): string => {
    const difference = differenceOf(one);
    const told = withInterval(officialOf(evaluation, one));
    return `${one.name.padEnd(width)}  ${told.padEnd(24)}${difference && `  ${difference}`}`.trimEnd();
  };
  const percent = Number((100 * bootstrap.confidence).toFixed(3));
  return [
    `${official} of ${truth.measured} ${what}, with ${percent} % intervals of ${bootstrap.samples} resamples of ` +
      `${bootstrap.unit}${all.length > 1 ? `; differences from ${models[0].name}` : ''}`,
    ...models.map(line),
    ...(baselines.length > 0 ? ['without a model:', ...baselines.map(line)] : []),
    ...models.flatMap((model) => furtherOf(evaluation, model)),
    ...models.flatMap((model) => verdictOf(evaluation, model) ?? []),
  ];
}

function furtherOf(evaluation: Evaluation, { name, measures }: EvaluatedModel): string[] {
  const rest = Object.entries(measures).filter(([measure]) => measure !== evaluation.official);
  const model = evaluation.kind === 'categories' ? evaluation.models.find((one) => one.name === name) : undefined;
  const calibrated = model?.calibration ? [`calibration error ${formatNumber(model.calibration.ece)}`] : [];
  return [`${name}: ${[...rest.map(([measure, own]) => `${measure} ${withInterval(own)}`), ...calibrated].join('  ')}`];
}
