import { ensembleVerdicts, type EnsembleResult } from '@wbdc/finetune/node';
import { renderPage, tableSection } from '@wbdc/report';

const digits = (value: number | undefined): string => (value === undefined ? 'not measured' : value.toFixed(4));

/** An ensemble as a page that stands alone. */
export function ensemblePage(result: EnsembleResult): string {
  const { kind, measure, singles, weights, correlations, growth, baselines = {} } = result;
  const what = measure ?? 'not measured';
  return renderPage({
    title: `Ensemble of ${singles.map(({ name }) => name).join(', ')}`,
    lead: ensembleVerdicts(result)
      .map((line) => `${line}.`)
      .join(' '),
    facts: [
      ['models', String(singles.length)],
      ['joined', kind],
      [what, digits(growth.at(-1)?.score)],
    ],
    body: [
      tableSection({
        title: 'Each model alone, and what needs none',
        head: ['', 'weight', what],
        rows: [
          ...singles.map(({ name, score }, m) => [name, weights[m].toFixed(3), digits(score)]),
          ...Object.entries(baselines).map(([name, score]) => [`no model: ${name}`, '', digits(score)]),
        ],
      }),
      tableSection({
        title: 'The first n models together',
        head: ['models', what],
        rows: growth.map(({ models, score }) => [String(models), digits(score)]),
      }),
      tableSection({
        title: 'How alike they are',
        note: 'Correlation of the cosines of the same pairs, or of the probabilities.',
        head: ['', ...singles.map(({ name }) => name)],
        rows: singles.map(({ name }, m) => [name, ...correlations[m].map((value) => value.toFixed(3))]),
      }),
    ],
  });
}
