import { aiacLayout } from '@wbdc/data';
import { exists } from '@wbdc/io';
import type { EnsembleResult } from './ensemble.js';

/** Three significant digits. */
const digits = (value: number | undefined): string => (value === undefined ? 'not measured' : value.toPrecision(3));

/** An ensemble as lines for people: each model alone, how alike they are, and the first n together. */
export function describeEnsemble({ singles, correlations, growth, weights, measure }: EnsembleResult): string[] {
  const width = Math.max(...singles.map(({ name }) => name.length), 12);
  const head = `${'model'.padEnd(width)}  weight  ${(measure ?? '').padEnd(12)}  correlation with each`;
  const rows = singles.map(({ name, score }, m) => {
    const alike = correlations[m].map((value) => value.toFixed(3)).join(' ');
    return `${name.padEnd(width)}  ${weights[m].toFixed(3).padEnd(6)}  ${digits(score).padEnd(12)}  ${alike}`;
  });
  return [
    head,
    ...rows,
    ...growth.map(({ models, score }) => `${`first ${models}`.padEnd(width + 10)}${digits(score)}`),
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
