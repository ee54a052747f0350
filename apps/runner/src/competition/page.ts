import { formatSeconds } from '../format.js';
import { chart } from '../report/chart.js';
import { renderPage, type Card, type Table } from '../report/page.js';
import type { AiacResults, WbdcResults } from './results.js';

/** All that a competition has measured. */
export interface CompetitionResults {
  readonly name: string;
  readonly aiac?: AiacResults;
  readonly wbdc?: WbdcResults;
  /** Of all stages together, also those of earlier attempts. */
  readonly seconds: number;
}

/** The result page of a competition, which stands alone. */
export function competitionPage({ name, aiac, wbdc, seconds }: CompetitionResults): string {
  return renderPage({
    title: `${name}: the competition on the embedded data`,
    subtitle: 'Measured on held-out videos. Published numbers are of the official data and of full-size models.',
    facts: [['time of all stages', formatSeconds(seconds)]],
    results: [],
    tables: [...(aiac ? aiacTables(aiac) : []), ...(wbdc ? [wbdcTable(wbdc)] : [])],
    sections: aiac ? [{ title: 'Gain of the ensemble', cards: [ensembleCard(aiac)] }] : [],
    details: [],
  });
}

const digits = (value: number | undefined): string => (value === undefined ? '' : value.toFixed(4));

function aiacTables({ jobs, ensembles }: AiacResults): Table[] {
  return [
    {
      title: 'QQ Browser AIAC 2021: six jobs',
      head: ['job', 'held-out Spearman', 'MSE', 'validation Spearman', 'MSE', 'published Spearman', 'MSE'],
      rows: jobs.map((job) => {
        const { validation, published } = job;
        const values = [
          job.spearman,
          job.mse,
          validation?.spearman,
          validation?.mse,
          published.spearman,
          published.mse,
        ];
        return [job.name, ...values.map(digits)];
      }),
    },
    {
      title: 'SVD ensembles of the first n jobs',
      head: ['models', 'held-out Spearman', 'best of them alone', 'gain'],
      rows: ensembles.map(({ models, spearman, bestSingle }) => {
        return [String(models), ...[spearman, bestSingle, spearman - bestSingle].map(digits)];
      }),
    },
  ];
}

function ensembleCard({ ensembles }: AiacResults): Card {
  const points = (value: (item: AiacResults['ensembles'][number]) => number) =>
    ensembles.map((item) => ({ step: item.models, value: value(item) }));
  const curves = [
    { label: 'ensemble', points: points(({ spearman }) => spearman), style: 'main' as const },
    { label: 'best single model', points: points(({ bestSingle }) => bestSingle), style: 'baseline' as const },
  ];
  return {
    title: 'Spearman by number of models',
    svg: chart({ curves, format: (value) => value.toFixed(3) }),
    legend: curves.map(({ label, style }) => ({ label, style })),
    value: digits(ensembles.at(-1)?.spearman),
  };
}

function wbdcTable({ models, ensemble }: WbdcResults): Table {
  const row = (name: string, score: WbdcResults['ensemble']): string[] => {
    return [
      name,
      ...[score.mean, score.level1Micro, score.level1Macro, score.level2Micro, score.level2Macro].map(digits),
    ];
  };
  return {
    title: 'WBDC 2022: categories',
    head: ['model', 'score', 'level 1 micro-F1', 'macro-F1', 'level 2 micro-F1', 'macro-F1'],
    rows: [
      row('majority class', models[0].baseline),
      ...models.map(({ name, score }) => row(name, score)),
      row('ensemble of probabilities', ensemble),
    ],
  };
}
