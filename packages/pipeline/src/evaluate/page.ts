import {
  cardSection,
  confusionSection,
  curveChart,
  intervalChart,
  renderPage,
  section,
  table,
  tableSection,
  type Card,
  type Html,
} from '@wbdc/report';
import { formatCount, formatNumber } from '@wbdc/report/format';
import { differenceOf, officialOf, verdictOf, withInterval } from './describe.js';
import type {
  CategoryEvaluation,
  EvaluatedCategories,
  EvaluatedModel,
  Evaluation,
  SimilarityEvaluation,
} from './kinds.js';

/** An evaluation as a page that stands alone. */
export function evaluationPage(evaluation: Evaluation): string {
  const { models, truth, bootstrap, official, kind } = evaluation;
  const what = kind === 'similarity' ? 'pairs' : 'videos';
  const verdicts = models.flatMap((model) => verdictOf(evaluation, model) ?? []);
  return renderPage({
    title: `Evaluation: ${models.map(({ name }) => name).join(', ')}`,
    lead: [`Measured on ${truth.path}.`, ...verdicts.map((text) => `${text}.`)].join(' '),
    facts: [
      [official, formatNumber(officialOf(evaluation, models[0]).value)],
      [`measured ${what}`, formatCount(truth.measured)],
      ...(truth.unpredicted > 0 ? [['not predicted', formatCount(truth.unpredicted)] as const] : []),
      ['resamples', `${formatCount(bootstrap.samples)} of ${bootstrap.unit}`],
    ],
    body: [overview(evaluation), measuresTable(evaluation), ...partsOf(evaluation)],
  });
}

function partsOf(evaluation: Evaluation): Html[] {
  if (evaluation.kind === 'categories') return categoryParts(evaluation);
  if (evaluation.kind === 'similarity') return similarityParts(evaluation);
  return evaluation.models.map(({ name, tags }) => everyLabel(`Every tag: ${name}`, 'tag', tags));
}

function overview(evaluation: Evaluation): Html {
  const { models, baselines, official, bootstrap } = evaluation;
  const rows = [
    ...models.map((one) => ({ ...officialOf(evaluation, one), label: one.name, model: true })),
    ...baselines.map((one) => ({ ...officialOf(evaluation, one), label: one.name, model: false })),
  ];
  const percent = Number((100 * bootstrap.confidence).toFixed(3));
  const heading = {
    title: 'Models and baselines',
    note: `${percent} % intervals of the bootstrap; differences are of the same resamples, from ${models[0].name}.`,
  };
  const line = (one: EvaluatedModel): string[] => [
    one.name,
    withInterval(officialOf(evaluation, one)),
    differenceOf(one),
  ];
  return section(
    heading,
    intervalChart({ rows, across: official }),
    table({ head: ['', official, `difference of ${official}`], rows: [...models, ...baselines].map(line) }),
  );
}

/** Every measure of every model. */
function measuresTable({ models }: Evaluation): Html {
  const measures = Object.keys(models[0].measures);
  const cell = ({ measures: own }: EvaluatedModel, name: string): string =>
    name in own ? withInterval(own[name]) : '';
  return tableSection({
    title: 'Every measure',
    head: ['', ...models.map(({ name }) => name)],
    rows: measures.map((name) => [name, ...models.map((one) => cell(one, name))]),
  });
}

function categoryParts({ models, names = {} }: CategoryEvaluation): Html[] {
  const nameOf = (label: string): string => names[label] ?? '';
  const called = (label: string): string => `${label} ${nameOf(label)}`.trim();
  return [
    cardSection(
      { title: 'Calibration', note: 'How often what a model is so sure of is right.' },
      models.flatMap(calibrationCard),
    ),
    ...models.map(({ name, confusionByLevel1 }) =>
      confusionSection({
        title: `Confusion of level 1: ${name}`,
        note: 'Truth in rows, predictions in columns.',
        confusion: confusionByLevel1,
        nameOf,
      }),
    ),
    ...models.flatMap(({ name, mostConfused, classes }) => [
      tableSection({
        title: `Most often confused: ${name}`,
        head: ['truth', 'taken for', 'videos'],
        rows: mostConfused.map(({ truth, predicted, count }) => [called(truth), called(predicted), formatCount(count)]),
      }),
      everyLabel(`Every category: ${name}`, 'category', classes, called),
    ]),
  ];
}

function everyLabel(
  title: string,
  what: string,
  labels: EvaluatedCategories['classes'],
  called = (label: string): string => label,
): Html {
  return tableSection({
    title,
    head: [what, 'F1', 'precision', 'recall', 'videos'],
    rows: labels.map(({ label, f1, precision, recall, support }) => [
      called(label),
      ...[f1, precision, recall].map((value) => value.toFixed(3)),
      formatCount(support),
    ]),
  });
}

function calibrationCard({ name, calibration }: EvaluatedCategories): Card[] {
  if (calibration === undefined) return [];
  const used = calibration.bins.filter(({ count }) => count > 0);
  const points = used.map(({ confidence, accuracy }) => ({ step: 100 * confidence, value: accuracy }));
  return [
    reliabilityCard(`${name}: expected calibration error ${formatNumber(calibration.ece)}`, points, {
      right: 'share that is right',
      across: 'probability, %',
      ideal: [
        { step: 0, value: 0 },
        { step: 100, value: 1 },
      ],
    }),
  ];
}

function similarityParts({ models }: SimilarityEvaluation): Html[] {
  const cards = models.map(({ name, reliability }) => {
    const points = reliability.map(({ cosine, label }) => ({ step: 100 * cosine, value: label }));
    const ends = [reliability[0].cosine, reliability.at(-1)!.cosine];
    const ideal = ends.map((cosine) => ({ step: 100 * cosine, value: cosine }));
    return reliabilityCard(name, points, { right: 'mean rank of the scores', across: 'cosine, hundredths', ideal });
  });
  return [
    cardSection({ title: 'Cosines and what people said', note: 'Tenths of the pairs by their cosines.' }, cards),
    ...models.map(({ name, byScore }) =>
      tableSection({
        title: `By score: ${name}`,
        head: ['score', 'mean cosine', 'deviation', 'pairs'],
        rows: byScore.map(({ score, cosine, deviation, count }) => [
          String(score),
          cosine.toFixed(3),
          deviation.toFixed(3),
          formatCount(count),
        ]),
      }),
    ),
  ];
}

interface Points {
  readonly step: number;
  readonly value: number;
}

function reliabilityCard(
  title: string,
  points: readonly Points[],
  { right, across, ideal }: { readonly right: string; readonly across: string; readonly ideal: readonly Points[] },
): Card {
  const curves = [
    { label: right, points, style: 'dots' },
    { label: 'as it says', points: ideal, style: 'baseline' },
  ] as const;
  return { title, chart: curveChart({ curves, across }), legend: curves };
}
