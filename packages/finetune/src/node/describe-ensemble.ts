import { aiacLayout } from '@wbdc/data';
import { exists } from '@wbdc/io';
import type { EnsembleResult } from './ensemble.js';

/** Four, as the published jobs differ in the third. */
const digits = (value: number | undefined): string => (value === undefined ? 'not measured' : value.toFixed(4));

/** A sentence for each model, and the ensemble, that does not exceed the strongest baseline, else one for all. */
export function ensembleVerdicts({ singles, growth, baselines = {} }: EnsembleResult): string[] {
  const best = Object.entries(baselines).sort(([, a], [, b]) => b - a)[0];
  if (best === undefined) return [];
  const of = `the best that needs no model (${best[0]}: ${best[1].toFixed(4)})`;
  const scored = [...singles, { name: 'the ensemble', score: growth.at(-1)?.score }];
  const below = scored.filter(({ score }) => score !== undefined && !(score > best[1])); // NaN is not above
  if (below.length === 0) return [`all models and the ensemble are above ${of}`];
  return below.map(({ name, score }) =>
    score === best[1] ? `${name} is no better than ${of}` : `${name} is BELOW ${of}`,
  );
}

/** An ensemble as lines for people: each model alone, how alike they are, and the first n together. */
export function describeEnsemble(result: EnsembleResult): string[] {
  const { singles, correlations, growth, weights, measure, baselines = {} } = result;
  const without = Object.entries(baselines);
  const width = Math.max(
    ...[...singles.map(({ name }) => name), ...without.map(([name]) => name)].map((n) => n.length),
    12,
  );
  const head = `${'model'.padEnd(width)}  weight  ${(measure ?? '').padEnd(12)}  correlation with each`;
  const rows = singles.map(({ name, score }, m) => {
    const alike = correlations[m].map((value) => value.toFixed(3)).join(' ');
    return `${name.padEnd(width)}  ${weights[m].toFixed(3).padEnd(6)}  ${digits(score).padEnd(12)}  ${alike}`;
  });
  return [
    head,
    ...rows,
    ...growth.map(({ models, score }) => `${`first ${models}`.padEnd(width + 10)}${digits(score)}`),
    ...(without.length > 0 ? ['without a model:'] : []),
    ...without.map(([name, score]) => `${name.padEnd(width + 10)}${digits(score)}`),
    ...ensembleVerdicts(result),
  ];
}

/** The held-out pairs of the embedded data set, which a finetune stage keeps in its run; nothing of another run. */
export async function embeddedPairs(run: string, split = 'test_a'): Promise<string | undefined> {
  for (const folder of [run, `${run}/finetune`]) {
    const path = aiacLayout(`${folder}/aiac`).labels(split);
    if (await exists(path)) return path;
  }
  return undefined;
}
