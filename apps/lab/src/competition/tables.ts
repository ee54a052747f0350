import type { TitledTable } from '@wbdc/report';
import type { Evidence, TrialResult } from './evidence.js';
import { PUBLISHED_ENSEMBLES } from './plan.js';
import type { AiacResults, WbdcResults } from './results.js';

const digits = (value: number | undefined): string =>
  value === undefined || Number.isNaN(value) ? '' : value.toFixed(4);

/** The six jobs beside the published numbers. */
export function jobsTable({ jobs, baselines }: AiacResults): TitledTable {
  return {
    title: 'QQ Browser AIAC 2021: six jobs',
    note:
      'Held-out pairs are of videos that nothing was learned from; validation pairs are of other training videos. ' +
      'The published numbers are of a validation split by which videos leak.',
    head: ['job', 'held-out Spearman', 'MSE', 'validation Spearman', 'MSE', 'published Spearman', 'MSE'],
    rows: [
      ...jobs.map(({ name, about, spearman, mse, validation, published }) => {
        const values = [spearman, mse, validation?.spearman, validation?.mse, published.spearman, published.mse];
        return [`${name}: ${about}`, ...values.map(digits)];
      }),
      ...Object.entries(baselines).map(([name, spearman]) => {
        return [`no model: ${name}`, digits(spearman), ...Array.from({ length: 5 }, () => '')];
      }),
    ],
  };
}

/** Ensembles of more and more jobs. */
export function ensembleTable({ ensembles, baselines }: AiacResults): TitledTable {
  const best = Math.max(...Object.values(baselines));
  return {
    title: 'SVD ensembles of the first n jobs',
    ...(Number.isFinite(best) && {
      note: `The best of what needs no model has ${digits(best)}: ${verdict(ensembles.at(-1)!.spearman, best)}.`,
    }),
    head: ['models', 'held-out Spearman', 'best of them alone', 'gain', 'published, test board'],
    rows: ensembles.map(({ models, spearman, bestSingle }) => {
      const published = PUBLISHED_ENSEMBLES[models];
      const own = [spearman, bestSingle, spearman - bestSingle].map(digits);
      return [String(models), ...own, published === undefined ? '' : published.toFixed(3)];
    }),
  };
}

/** WBDC's models and their ensemble. */
export function wbdcTable({ models, baselines, ensemble }: WbdcResults): TitledTable {
  const row = (name: string, score: WbdcResults['ensemble'], published = ''): string[] => {
    const { mean, level1Micro, level1Macro, level2Micro, level2Macro } = score;
    return [name, ...[mean, level1Micro, level1Macro, level2Micro, level2Macro].map(digits), published];
  };
  const best = Math.max(...Object.values(baselines).map(({ mean }) => mean));
  const told = Number.isFinite(best) ? ` Without a model ${digits(best)}: ${verdict(ensemble.mean, best)}.` : '';
  return {
    title: 'WBDC 2022: categories',
    note: `The score is the mean of the four F1. Published: single models 0.714 to 0.722, four of them 0.7316.${told}`,
    head: ['model', 'score', 'level 1 micro-F1', 'macro-F1', 'level 2 micro-F1', 'macro-F1', 'published score'],
    rows: [
      ...(Object.keys(baselines).length === 0 ? [row('majority class', models[0].baseline)] : []),
      ...Object.entries(baselines).map(([name, score]) => row(`no model: ${name}`, score)),
      ...models.map(({ name, about, score }) => row(`${name}: ${about}`, score)),
      row('ensemble of probabilities', ensemble, '0.7316'),
    ],
  };
}

/** Whether an ensemble is worth its training. */
function verdict(reached: number, best: number): string {
  return reached > best ? 'the ensemble is above it' : 'the ensemble is BELOW it';
}

/** Classes that the ensemble tells worst. */
export function hardestTable({ hardest }: WbdcResults, nameOf: (id: string) => string): TitledTable {
  return {
    title: 'The hardest classes of the ensemble',
    head: ['class', 'F1', 'precision', 'recall', 'held-out videos'],
    rows: hardest.map(({ label, f1, precision, recall, support }) => {
      return [
        `${label} ${nameOf(label)}`,
        ...[f1, precision, recall].map((value) => value.toFixed(2)),
        String(support),
      ];
    }),
  };
}

const TITLES = { aiac: 'AIAC: what each thing gives', wbdc: 'WBDC: what each trick gives' };

/** The trials of a half. */
export function evidenceTable({ half, measure, trials }: Evidence): TitledTable {
  const pairs = trials.some(({ validation }) => validation !== undefined);
  const row = ({ about, published = '', validation, ...trial }: TrialResult): string[] => {
    const values = [withSpread(trial.mean, trial.spread), gainOf(trial), trial.values.map(digits).join(', ')];
    return [about, ...values, ...(pairs ? [digits(validation)] : []), published];
  };
  return {
    title: TITLES[half],
    note:
      `${measure}, mean ± standard deviation over ${trials[0].values.length} seeds of finetuning; ` +
      'differences from the plain one with the same seeds.',
    head: ['finetuning', measure, 'difference', 'by seed', ...(pairs ? ['validation Spearman'] : []), 'published'],
    rows: trials.map(row),
  };
}

/** `0.5530 ± 0.0042` */
export function withSpread(mean: number, spread: number | undefined): string {
  return spread === undefined ? mean.toFixed(4) : `${mean.toFixed(4)} ± ${spread.toFixed(4)}`;
}

/** `+0.0120 ± 0.0031`, or nothing. */
export function gainOf({ gain, gainSpread }: Pick<TrialResult, 'gain' | 'gainSpread'>): string {
  return gain === undefined ? '' : `${gain >= 0 ? '+' : ''}${withSpread(gain, gainSpread)}`;
}
